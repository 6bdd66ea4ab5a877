import { WarningFilled } from "@ant-design/icons";
import { Card, Flex, theme, Typography } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { usePermissions } from "../../app/session";
import { bytesText, countText, percentText } from "../../common/numbers";
import { durationText, Moment } from "../../common/time";
import type { Overview } from "./overview";

/** The numbers by which the platform's state is judged. */
export function Tiles({ overview }: { overview: Overview }) {
  const { t } = useTranslation("overview");
  const { isAdmin } = usePermissions();
  const { minutes, recognition, engines, jobs, storage } = overview;
  const last = minutes.at(-1);
  const timed = minutes.findLast(({ p50 }) => typeof p50 === "number");
  const calls = minutes.reduce((sum, minute) => sum + minute.calls, 0);
  const failed = minutes.reduce((sum, minute) => sum + minute.failed, 0);
  const waiting = (engines ?? []).reduce((sum, { writes }) => sum + (writes?.waiting ?? 0), 0);
  const refused = (engines ?? []).reduce((sum, { writes }) => sum + (writes?.refused ?? 0), 0);
  return (
    <div style={{ display: "grid", gap: 12, gridTemplateColumns: "repeat(auto-fill, minmax(min(100%, 160px), 1fr))" }}>
      <Tile title={t("tile.calls")} value={countText(last?.calls ?? 0)} to="/statistics">
        {t("tile.callsOfHour", { calls: countText(calls) })}
      </Tile>
      <Tile title={t("tile.success")} value={calls === 0 ? "—" : percentText((calls - failed) / calls)} to="/calls?ok=false">
        {calls === 0 ? t("tile.noCalls") : t("tile.failed", { failed: countText(failed), share: percentText(failed / calls) })}
      </Tile>
      {(timed || calls === 0) && (
        <Tile title={t("tile.latency")} value={timed ? durationText(timed.p50 ?? 0) : "—"} to="/statistics">
          {timed ? t("tile.percentiles", { p95: durationText(timed.p95 ?? 0), p99: durationText(timed.p99 ?? 0) }) : t("tile.noCalls")}
        </Tile>
      )}
      <Tile title={t("tile.people")} value={typeof overview.people === "number" ? countText(overview.people) : "—"} to="/libraries">
        {t(typeof overview.faces === "number" ? "tile.faces" : "tile.libraries", {
          faces: countText(overview.faces ?? 0),
          libraries: countText(overview.libraries),
        })}
      </Tile>
      {recognition && (
        <Tile title={t("tile.queue")} value={countText(recognition.waiting)}>
          {t("tile.workers", { busy: countText(recognition.busy), workers: countText(recognition.workers) })}
        </Tile>
      )}
      <Tile
        title={t("tile.jobs")}
        value={countText(jobs.running)}
        to="/jobs"
        alarm={jobs.failed > 0 ? t("tile.jobsFailed", { failed: countText(jobs.failed) }) : null}
      >
        {t("tile.jobsWaiting", { waiting: countText(jobs.queued), paused: countText(jobs.paused) })}
      </Tile>
      {engines && (
        <Tile
          title={t("tile.outbox")}
          value={countText(waiting + refused)}
          to={isAdmin ? "/engines" : undefined}
          alarm={refused > 0 ? t("tile.refused", { refused: countText(refused) }) : null}
        >
          {waiting + refused === 0 ? t("tile.outboxEmpty") : t("tile.outboxWaiting", { waiting: countText(waiting) })}
        </Tile>
      )}
      {storage && (
        <>
          <Tile
            title={t("tile.storage")}
            value={typeof storage.freeBytes === "number" ? bytesText(storage.freeBytes) : "—"}
            to={isAdmin ? "/settings" : undefined}
          >
            {t("tile.database", { size: bytesText(storage.databaseBytes) })}
          </Tile>
          <Tile title={t("tile.backup")} value={storage.lastBackupAt ? <Moment at={storage.lastBackupAt} ago /> : t("tile.never")}>
            {storage.lastBackupAt ? <Moment at={storage.lastBackupAt} /> : t("tile.neverAbout")}
          </Tile>
        </>
      )}
    </div>
  );
}

interface TileProperties {
  title: string;
  value: ReactNode;
  /** Page with more about it. */
  to?: string;
  /** What is wrong. */
  alarm?: string | null;
  children: ReactNode;
}

function Tile({ title, value, to, alarm = null, children }: TileProperties) {
  const { token } = theme.useToken();
  return (
    <Card size="small" style={{ height: "100%", borderColor: alarm ? token.colorError : undefined }}>
      <Flex vertical gap={2} className="number">
        {to ? <Link to={to}>{title}</Link> : <Typography.Text type="secondary">{title}</Typography.Text>}
        <span style={{ fontSize: 24, fontWeight: 600, lineHeight: 1.3 }}>{value}</span>
        <Typography.Text type="secondary" style={{ fontSize: 12 }}>
          {children}
        </Typography.Text>
        {alarm && (
          <Typography.Text type="danger" strong style={{ fontSize: 12 }}>
            <WarningFilled /> {alarm}
          </Typography.Text>
        )}
      </Flex>
    </Card>
  );
}
