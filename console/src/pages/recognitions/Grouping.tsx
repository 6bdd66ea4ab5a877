import { useQueryClient } from "@tanstack/react-query";
import { Button, Flex, Select, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { api } from "../../api/client";
import { usePermissions } from "../../app/session";
import { useAct } from "../../common/confirm";
import { Section } from "../../common/Section";
import { Loaded, Nothing } from "../../common/states";
import { Moment } from "../../common/time";
import { JobActions } from "../jobs/JobActions";
import { JobProgress, JobStateTag } from "../jobs/JobState";
import { isOpen, useJobs } from "../jobs/jobs";
import { UnknownGroups } from "./UnknownGroups";

/** Rates of false matches for which faces are taken for the same person; `own`: by the threshold of the library. */
const STRICTNESS = ["own", "1e-4", "1e-5", "1e-6"] as const;
type Strictness = (typeof STRICTNESS)[number];

/** Sorts the unknown faces of the log by person, and shows the groups of the last time. */
export function Grouping({ library }: { library: string }) {
  const { t } = useTranslation("recognitions");
  const { canWork } = usePermissions();
  const act = useAct();
  const cache = useQueryClient();
  const jobs = useJobs({ kind: "grouping", library, state: null });
  const [strictness, setStrictness] = useState<Strictness>("own");
  const [isBusy, setIsBusy] = useState(false);
  const start = async () => {
    setIsBusy(true);
    const body = strictness === "own" ? {} : { fmr: Number(strictness) };
    await act(async () => {
      await api.POST("/libraries/{library}/groupings", { params: { path: { library } }, body });
      await cache.invalidateQueries();
    }, t("group.started"));
    setIsBusy(false);
  };
  const latest = jobs.data?.[0];
  return (
    <Flex vertical gap={16}>
      <Typography.Text type="secondary">{t("group.about")}</Typography.Text>
      {canWork && (
        <Flex gap={8} wrap align="center">
          <label htmlFor="strictness">{t("group.strictness")}</label>
          <Select<Strictness>
            id="strictness"
            value={strictness}
            onChange={setStrictness}
            options={STRICTNESS.map((value) => ({ value, label: t(`group.strict.${value}`) }))}
            style={{ minWidth: 220, maxWidth: "100%" }}
          />
          <Button type="primary" loading={isBusy} disabled={latest && isOpen(latest)} onClick={() => void start()}>
            {t(latest ? "group.startAgain" : "group.start")}
          </Button>
        </Flex>
      )}
      <Loaded query={jobs}>
        {() =>
          latest ? (
            <Section
              title={<Link to={`/jobs/${latest.id}`}>{t("group.job", { id: latest.id })}</Link>}
              extra={<JobActions job={latest} isCompact />}
            >
              <Flex vertical gap={16}>
                <Flex gap={16} wrap align="center">
                  <JobStateTag state={latest.state} />
                  <span className="number">
                    <Moment at={latest.createdAt} />
                  </span>
                  <div style={{ flex: "1 1 200px" }}>
                    <JobProgress job={latest} />
                  </div>
                </Flex>
                <UnknownGroups library={library} job={latest} />
              </Flex>
            </Section>
          ) : (
            <Nothing text={t(canWork ? "group.none" : "group.noneToSee")} />
          )
        }
      </Loaded>
    </Flex>
  );
}
