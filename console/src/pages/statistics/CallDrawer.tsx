import { Descriptions, Drawer, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { callName } from "../../common/texts";
import { durationText, Moment } from "../../common/time";
import type { Call } from "./calls";
import { Result } from "./Result";
import { interfaceOf, isInterface } from "./statistics";

/** All that is known of a single call. */
export function CallDrawer({ call, onClose }: { call: Call; onClose: () => void }) {
  const { t } = useTranslation("statistics");
  const { t: common } = useTranslation();
  const name = interfaceOf(call);
  const items = [
    { key: "time", label: common("time"), children: <Moment at={call.at} /> },
    { key: "result", label: t("calls.result"), children: <Result ok={call.ok} /> },
    { key: "code", label: t("calls.code"), children: call.code ?? "—" },
    { key: "message", label: t("calls.message"), children: call.message ?? "—" },
    { key: "label", label: t("by.method"), children: `${callName(call.method, call.label)} · ${call.method}` },
    { key: "interface", label: t("by.interface"), children: isInterface(name) ? t(`interfaces.${name}`) : name },
    { key: "path", label: t("calls.path"), children: <Typography.Text copyable>{call.path}</Typography.Text> },
    { key: "app", label: t("by.app"), children: call.appId },
    { key: "engine", label: t("by.engine"), children: call.engine ?? "—" },
    { key: "source", label: t("calls.source"), children: call.source },
    { key: "client", label: t("calls.client"), children: call.client ?? "—" },
    { key: "duration", label: t("calls.duration"), children: durationText(call.durationMs) },
    { key: "id", label: common("id"), children: <Typography.Text copyable>{call.id}</Typography.Text> },
  ];
  return (
    <Drawer open onClose={onClose} title={t("calls.details")} size={520} styles={{ wrapper: { maxWidth: "100vw" } }}>
      <Descriptions
        column={1}
        bordered
        size="small"
        items={items}
        styles={{ label: { width: 120 }, content: { overflowWrap: "anywhere" } }}
      />
    </Drawer>
  );
}
