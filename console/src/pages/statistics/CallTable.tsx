import { Button, Flex, Grid, type TableColumnType, Typography } from "antd";
import type { ComponentProps } from "react";
import { useTranslation } from "react-i18next";
import { CursorTable } from "../../common/cursor";
import { callName } from "../../common/texts";
import { durationText, Moment, momentText } from "../../common/time";
import type { Call } from "./calls";
import { Result } from "./Result";

interface Properties {
  list: ComponentProps<typeof CursorTable<Call>>["list"];
  nothing: string;
  onOpen: (call: Call) => void;
}

/** Single calls. On a small screen a row has two lines in place of columns. */
export function CallTable({ list, nothing, onOpen }: Properties) {
  const { t } = useTranslation("statistics");
  const { t: common } = useTranslation();
  const isWide = Grid.useBreakpoint().md ?? true;
  const open = (call: Call) => (
    <Button
      type="link"
      style={{ padding: 0, height: "auto" }}
      className="number"
      onClick={() => onOpen(call)}
      aria-label={t("calls.open", { time: momentText(call.at), name: callName(call.method, call.label) })}
    >
      <Moment at={call.at} />
    </Button>
  );
  const name = ({ label, method }: Call) => (
    <>
      <Typography.Text ellipsis={{ tooltip: callName(method, label) }}>{callName(method, label)}</Typography.Text>
      <Typography.Text type="secondary" ellipsis={{ tooltip: method }} style={{ fontSize: 12 }}>
        {method}
      </Typography.Text>
    </>
  );
  const wide: TableColumnType<Call>[] = [
    { title: common("time"), render: (_, call) => open(call) },
    {
      title: t("by.method"),
      render: (_, call) => (
        <Flex vertical style={{ maxWidth: 240 }}>
          {name(call)}
        </Flex>
      ),
    },
    { title: t("calls.result"), render: (_, { ok }) => <Result ok={ok} /> },
    { title: t("calls.code"), className: "number", render: (_, { code }) => code ?? "—" },
    {
      title: t("calls.duration"),
      className: "number",
      align: "right",
      render: (_, { durationMs }) => durationText(durationMs),
    },
    { title: t("by.app"), dataIndex: "appId" },
    { title: t("by.engine"), render: (_, { engine }) => engine ?? "—" },
    { title: t("calls.client"), className: "number", responsive: ["lg"], render: (_, { client }) => client ?? "—" },
  ];
  const narrow: TableColumnType<Call>[] = [
    {
      title: t("by.method"),
      render: (_, call) => (
        <Flex vertical align="start" style={{ width: "46vw" }}>
          {name(call)}
          {open(call)}
        </Flex>
      ),
    },
    {
      title: t("calls.result"),
      render: (_, { ok, durationMs, appId }) => (
        <Flex vertical gap={4} align="start" className="number">
          <Result ok={ok} />
          <span>{durationText(durationMs)}</span>
          <Typography.Text type="secondary" style={{ fontSize: 12 }}>
            {appId}
          </Typography.Text>
        </Flex>
      ),
    },
  ];
  return <CursorTable list={list} rowKey="id" size="small" nothing={nothing} columns={isWide ? wide : narrow} />;
}
