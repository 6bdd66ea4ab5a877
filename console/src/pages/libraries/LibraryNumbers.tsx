import { Flex, Skeleton, theme } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/client";
import { countText } from "../../common/numbers";
import { rateText } from "./rates";

interface Properties {
  numbers: Schema<"LibraryStatistics"> | undefined;
  /** Whether there is room for the numbers alone. */
  isShort?: boolean;
}

/** How many people and faces a library has, and how strict it is. */
export function LibraryNumbers({ numbers, isShort = false }: Properties) {
  const { t } = useTranslation("libraries");
  if (!numbers) return <Skeleton active title={false} paragraph={{ rows: 1 }} />;
  const { people, faces, searchableFaces, threshold, falseMatchRate } = numbers;
  return (
    <Flex gap={isShort ? 20 : 32} wrap>
      <Figure label={t("numbers.people")} value={countText(people)} />
      <Figure label={t("numbers.faces")} value={countText(faces)} />
      {!isShort && searchableFaces != null && searchableFaces !== faces && (
        <Figure label={t("numbers.searchableFaces")} value={countText(searchableFaces)} note={t("numbers.searchableFacesAbout")} />
      )}
      <Figure
        label={t("numbers.threshold")}
        value={threshold.toFixed(4)}
        note={falseMatchRate == null ? undefined : rateText(t, falseMatchRate)}
      />
    </Flex>
  );
}

function Figure({ label, value, note }: { label: string; value: string; note?: ReactNode }) {
  const { token } = theme.useToken();
  return (
    <div style={{ minWidth: 0 }}>
      <div style={{ fontSize: 12, color: token.colorTextDescription }}>{label}</div>
      <div className="number" style={{ fontSize: 18, fontWeight: 600, lineHeight: 1.3 }}>
        {value}
      </div>
      {note && <div style={{ fontSize: 12, color: token.colorTextDescription }}>{note}</div>}
    </div>
  );
}
