import { FilterOutlined } from "@ant-design/icons";
import { Button, Descriptions, Flex } from "antd";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/client";
import { Copyable } from "../../common/Copyable";
import { Difference } from "./Difference";
import { actorText, targetText } from "./names";

interface Properties {
  act: Schema<"ShownAct">;
  /** Shows only acts with these values. */
  onFilter: (filters: Record<string, string>) => void;
}

/** What an act changed, and where it came from. */
export function ActDetails({ act, onFilter }: Properties) {
  const { t } = useTranslation("audit");
  const { id, actor, action, target, appId, address, requestId, hash, before, after } = act;
  const filter = (label: string, filters: Record<string, string>) => (
    <Button size="small" icon={<FilterOutlined />} onClick={() => onFilter(filters)}>
      {label}
    </Button>
  );
  const items = [
    { key: "actor", label: t("columns.actor"), children: `${actorText(actor)} (${actor})` },
    { key: "action", label: t("columns.act"), children: action },
    { key: "target", label: t("columns.target"), children: `${targetText(target)} (${target})` },
    { key: "app", label: t("columns.app"), children: appId ?? "—" },
    { key: "address", label: t("columns.address"), children: address ?? "—" },
    { key: "request", label: t("columns.request"), children: requestId ? <Copyable text={requestId} /> : "—" },
    { key: "number", label: t("columns.number"), children: <span className="number">{id}</span> },
    { key: "hash", label: t("columns.hash"), children: <Copyable text={hash} /> },
  ];
  return (
    <Flex vertical gap={12} style={{ minWidth: 0 }}>
      <Difference before={before} after={after} />
      <Descriptions
        size="small"
        column={{ xs: 1, lg: 2 }}
        items={items}
        styles={{ content: { overflowWrap: "anywhere" }, label: { whiteSpace: "nowrap" } }}
      />
      <Flex gap={8} wrap>
        {filter(t("only.actor"), { actor })}
        {filter(t("only.target"), { target })}
        {filter(t("only.action"), { action })}
      </Flex>
    </Flex>
  );
}
