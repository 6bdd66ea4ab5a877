import { Badge, Button, Flex, Input, Table, type TableProps, Tag } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { queries } from "../../api/client";
import { useSessions } from "../../app/session";
import { useAddress } from "../../common/address";
import { Loaded, Nothing } from "../../common/states";
import { Moment } from "../../common/time";
import { faceStateOf } from "./face";
import { OperatorDrawer } from "./OperatorDrawer";
import type { Operator } from "./operators";

/** All operators. Each opens in a drawer. */
export function OperatorList() {
  const { t } = useTranslation("operators");
  const { session } = useSessions();
  const [get, change] = useAddress();
  const [text, setText] = useState("");
  const operators = queries.useQuery("get", "/operators");

  const signInOf = (operator: Operator) => {
    const { signIn, hasFace } = faceStateOf(operator);
    if (!operator.hasPassword) return t(hasFace ? "signIn.face" : "signIn.none");
    return t(`signIn.${signIn ?? "password"}`);
  };
  const columns: TableProps<Operator>["columns"] = [
    {
      title: t("columns.name"),
      render: (_, { id, name }) => (
        <Flex align="center" gap={8} wrap style={{ maxWidth: "min(420px, 40vw)" }}>
          <Button
            type="link"
            onClick={() => change({ operator: id })}
            style={{ paddingInline: 0, height: "auto", whiteSpace: "normal", textAlign: "start", overflowWrap: "anywhere" }}
          >
            {name}
          </Button>
          {id === session?.operatorId && <Tag>{t("own")}</Tag>}
        </Flex>
      ),
    },
    { title: t("columns.role"), render: (_, { role }) => t(`role.${role}`) },
    { title: t("columns.app"), responsive: ["md"], render: (_, { appId }) => appId ?? t("allApps") },
    { title: t("columns.signIn"), responsive: ["lg"], render: (_, operator) => signInOf(operator) },
    {
      title: t("columns.state"),
      render: (_, { disabled }) => (
        <Badge status={disabled ? "default" : "success"} text={t(disabled ? "state.disabled" : "state.enabled")} />
      ),
    },
    {
      title: t("columns.createdAt"),
      responsive: ["lg"],
      className: "number",
      render: (_, { createdAt }) => <Moment at={createdAt} />,
    },
  ];
  return (
    <Loaded query={operators}>
      {({ items }) => (
        <Flex vertical gap={12}>
          <Input.Search
            allowClear
            aria-label={t("search")}
            placeholder={t("search")}
            value={text}
            onChange={({ target }) => setText(target.value)}
            style={{ maxWidth: 320 }}
          />
          <Table<Operator>
            rowKey="id"
            size="middle"
            scroll={{ x: "max-content" }}
            columns={columns}
            dataSource={items.filter(({ name }) => name.toLowerCase().includes(text.trim().toLowerCase()))}
            pagination={items.length > 50 ? { pageSize: 50, showSizeChanger: false } : false}
            locale={{ emptyText: <Nothing text={t(items.length > 0 ? "nothingFound" : "nothing")} /> }}
          />
          <OperatorDrawer id={get("operator") || null} all={items} onClose={() => change({ operator: null })} />
        </Flex>
      )}
    </Loaded>
  );
}
