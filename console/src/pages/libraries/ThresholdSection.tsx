import { Alert, Button, Flex, InputNumber, Radio, Select, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, type Schema } from "../../api/client";
import { usePermissions } from "../../app/session";
import { useChange } from "../../common/change";
import { countText, shareText } from "../../common/numbers";
import { rateText, strangersText } from "./rates";
import { Section } from "./Section";
import { ThresholdScale } from "./ThresholdScale";

const RATES = [1e-3, 1e-4, 1e-5, 1e-6, 1e-7] as const;
const MAX_TOP = 100;
/** Similarities that differ by less are the same. */
const PRECISION = 1e-6;

interface Properties {
  library: Schema<"ShownLibrary">;
  numbers: Schema<"LibraryStatistics">;
}

/** How strict the searches of a library are, what that means, and how it is changed. */
export function ThresholdSection({ library, numbers }: Properties) {
  const { t } = useTranslation("libraries");
  const { canWork } = usePermissions();
  const { threshold, recommendedThreshold = null } = numbers;
  return (
    <Section title={t("threshold.title")}>
      <Flex vertical gap={16}>
        <Typography.Text>{t("threshold.about")}</Typography.Text>
        <ThresholdScale threshold={threshold} recommended={recommendedThreshold} />
        <Meaning library={library} numbers={numbers} />
        {canWork && (
          <>
            <ChangeThreshold key={`${library.threshold} ${threshold}`} library={library} numbers={numbers} />
            <ChangeTop key={library.topN} library={library} />
          </>
        )}
      </Flex>
    </Section>
  );
}

/** What the threshold means, in words. */
function Meaning({ library, numbers }: Properties) {
  const { t } = useTranslation("libraries");
  const { canWork } = usePermissions();
  const { threshold, falseMatchRate, recommendedThreshold, fpir, faces, searchableFaces } = numbers;
  const adopt = useChange((wanted: number) => patch(library.id, { threshold: wanted }));
  if (falseMatchRate == null) return <Alert type="info" showIcon title={t("threshold.ofEngine", { engine: library.engine })} />;
  const count = searchableFaces ?? faces;
  const isTooLow = recommendedThreshold != null && threshold < recommendedThreshold - PRECISION;
  return (
    <Alert
      type={isTooLow ? "warning" : "success"}
      showIcon
      title={t("threshold.means", { rate: rateText(t, falseMatchRate) })}
      description={
        <Flex vertical gap={4}>
          {count > 0 && (
            <span>{t("threshold.strangers", { faces: countText(count), share: strangersText(falseMatchRate, count) })}</span>
          )}
          <span>{t(isTooLow ? "threshold.aboveTarget" : "threshold.withinTarget", { target: shareText(fpir) })}</span>
          {isTooLow && canWork && (
            <Button
              type="primary"
              loading={adopt.isBusy}
              style={{ alignSelf: "start", marginTop: 8 }}
              // Rounded up, as it would be too low if it were rounded down.
              onClick={() => void adopt.run(Math.ceil(recommendedThreshold * 1e4) / 1e4, t("threshold.saved"))}
            >
              {t("threshold.adopt", { threshold: (Math.ceil(recommendedThreshold * 1e4) / 1e4).toFixed(4) })}
            </Button>
          )}
        </Flex>
      }
    />
  );
}

function patch(library: string, body: Schema<"LibraryUpdate">) {
  return api.PATCH("/libraries/{library}", { params: { path: { library } }, body });
}

type Way = "settings" | "rate" | "exact";

function ChangeThreshold({ library, numbers }: Properties) {
  const { t } = useTranslation("libraries");
  const hasRates = numbers.falseMatchRate != null;
  const [way, setWay] = useState<Way>(library.threshold == null ? "settings" : "exact");
  const [rate, setRate] = useState<number>(1e-4);
  const [exact, setExact] = useState<number | null>(library.threshold ?? numbers.threshold);
  const save = useChange((body: Schema<"LibraryUpdate">) => patch(library.id, body));
  const wanted: Record<Way, Schema<"LibraryUpdate"> | null> = {
    settings: library.threshold == null ? null : { threshold: null },
    rate: { fmr: rate },
    exact: exact === null || Math.abs(exact - (library.threshold ?? -1)) < PRECISION ? null : { threshold: exact },
  };
  const body = wanted[way];
  const count = numbers.searchableFaces ?? numbers.faces;
  return (
    <Flex vertical gap={12}>
      <Typography.Title level={3} style={{ fontSize: 14, margin: 0 }}>
        {t("threshold.change")}
      </Typography.Title>
      <Radio.Group
        vertical
        value={way}
        onChange={({ target }) => setWay(target.value as Way)}
        aria-label={t("threshold.change")}
        options={(["settings", "rate", "exact"] as const)
          .filter((name) => hasRates || name !== "rate")
          .map((name) => ({ value: name, label: t(`threshold.ways.${name}`) }))}
      />
      {way === "rate" && (
        <Select
          value={rate}
          onChange={setRate}
          aria-label={t("threshold.ways.rate")}
          popupMatchSelectWidth={false}
          style={{ maxWidth: 420 }}
          options={RATES.map((value) => ({
            value,
            label: t("threshold.rateOption", { comparisons: countText(1 / value), share: strangersText(value, count) }),
          }))}
        />
      )}
      {way === "exact" && (
        <InputNumber
          value={exact}
          onChange={setExact}
          min={0}
          max={1}
          step={0.01}
          precision={4}
          aria-label={t("threshold.ways.exact")}
          style={{ width: 160 }}
        />
      )}
      <Button
        type="primary"
        disabled={!body}
        loading={save.isBusy}
        style={{ alignSelf: "start" }}
        onClick={() => body && void save.run(body, t("threshold.saved"))}
      >
        {t("threshold.save")}
      </Button>
    </Flex>
  );
}

function ChangeTop({ library }: { library: Schema<"ShownLibrary"> }) {
  const { t } = useTranslation("libraries");
  const { t: common } = useTranslation();
  const [top, setTop] = useState<number | null>(library.topN ?? null);
  const save = useChange((topN: number | null) => patch(library.id, { topN }));
  return (
    <Flex vertical gap={8}>
      <Typography.Title level={3} style={{ fontSize: 14, margin: 0 }}>
        {t("top.title")}
      </Typography.Title>
      <Typography.Text type="secondary">{t("top.about")}</Typography.Text>
      <Flex gap={8}>
        <InputNumber
          value={top}
          onChange={setTop}
          min={1}
          max={MAX_TOP}
          precision={0}
          placeholder={t("top.default")}
          aria-label={t("top.title")}
          style={{ width: 160 }}
        />
        <Button
          disabled={top === (library.topN ?? null)}
          loading={save.isBusy}
          onClick={() => void save.run(top, common("saved"))}
        >
          {common("save")}
        </Button>
      </Flex>
    </Flex>
  );
}
