import { Button, Flex, Table, type TableProps, Tag, Typography } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { api, queries, type Schema } from "../../api/client";
import { useSessions } from "../../app/session";
import { useRefresh } from "../../common/refresh";
import { useConfirm } from "../../common/confirm";
import { Part } from "../../common/Part";
import { Loaded, Nothing } from "../../common/states";
import { Moment } from "../../common/time";
import { isByFace } from "../operators/face";

type SignIn = Schema<"ShownSignIn">;

interface Properties {
  kind: "session" | "token";
  /** Id of the operator whose they are; `null`: the holder of the admin token; `undefined`: everybody's, with their owners. */
  owner?: string | null;
  about?: string;
  level?: 2 | 3;
  actions?: ReactNode;
}

async function end(kind: Properties["kind"], id: string) {
  if (kind === "session") await api.DELETE("/sessions/{session}", { params: { path: { session: id } } });
  else await api.DELETE("/tokens/{token}", { params: { path: { token: id } } });
}

/** Sessions or tokens of operators. Each can be ended, except the session that shows the page. */
export function SignIns({ kind, owner, about, level = 3, actions }: Properties) {
  const { t } = useTranslation("account");
  const { t: common } = useTranslation();
  const { session } = useSessions();
  const mayEnd = !isByFace(session);
  const confirm = useConfirm();
  const refresh = useRefresh();
  const list = queries.useQuery("get", kind === "session" ? "/sessions" : "/tokens");
  const operators = queries.useQuery("get", "/operators", {}, { enabled: owner === undefined });

  const ownerOf = (id: string | null | undefined) =>
    id ? (operators.data?.items.find((operator) => operator.id === id)?.name ?? id) : t("adminToken");
  const askEnd = (signIn: SignIn) =>
    confirm({
      title: t(`${kind}.endOne`, { name: nameOf(signIn, kind, t) }),
      content: t(`${kind}.endAbout`),
      action: t(`${kind}.end`),
      onConfirm: async () => {
        await end(kind, signIn.id);
        await refresh();
      },
    });
  const askEndOthers = (others: SignIn[]) =>
    confirm({
      title: t("session.endOthersTitle", { number: others.length }),
      content: t("session.endAbout"),
      action: t("session.endOthers"),
      onConfirm: async () => {
        for (const { id } of others) await end(kind, id);
        await refresh();
      },
    });

  const columns: TableProps<SignIn>["columns"] = [
    {
      title: owner === undefined ? t("ownerAnd", { what: t(`${kind}.name`) }) : t(`${kind}.name`),
      render: (_, signIn) => (
        <Flex vertical style={{ overflowWrap: "anywhere" }}>
          {owner === undefined && ownerOf(signIn.operatorId)}
          <span title={signIn.name}>
            <Typography.Text type={owner === undefined ? "secondary" : undefined}>{nameOf(signIn, kind, t)}</Typography.Text>{" "}
            {signIn.isCurrent && <Tag>{t("session.current")}</Tag>}
            {isByFace(signIn) && <Tag>{t("session.byFace")}</Tag>}
          </span>
        </Flex>
      ),
    },
    { title: t("address"), responsive: ["sm"], className: "number", render: (_, { address }) => address ?? "—" },
    { title: t("createdAt"), responsive: ["md"], className: "number", render: (_, { createdAt }) => <Moment at={createdAt} ago /> },
    { title: t("expiresAt"), className: "number", render: (_, { expiresAt }) => <Moment at={expiresAt} ago /> },
    {
      title: common("actions"),
      align: "end",
      render: (_, signIn) =>
        mayEnd &&
        !signIn.isCurrent && (
          <Button
            size="small"
            danger
            onClick={() => askEnd(signIn)}
            aria-label={`${t(`${kind}.end`)} ${nameOf(signIn, kind, t)}`}
          >
            {t(`${kind}.end`)}
          </Button>
        ),
    },
  ];
  const shown = list.data?.items.filter(({ operatorId }) => owner === undefined || (operatorId ?? null) === owner) ?? [];
  const others = shown.filter(({ isCurrent }) => !isCurrent);
  const isOwn = shown.some(({ isCurrent }) => isCurrent);
  return (
    <Part
      level={level}
      title={t(`${kind}.title`)}
      about={about}
      actions={
        <>
          {actions}
          {kind === "session" && owner !== undefined && mayEnd && isOwn && others.length > 0 && (
            <Button danger onClick={() => askEndOthers(others)}>
              {t("session.endOthers")}
            </Button>
          )}
        </>
      }
    >
      <Loaded query={list}>
        {() => (
          <Table<SignIn>
            rowKey="id"
            size="small"
            columns={columns}
            dataSource={shown}
            pagination={shown.length > 20 ? { pageSize: 20, showSizeChanger: false } : false}
            locale={{ emptyText: <Nothing text={t(`${kind}.nothing`)} /> }}
          />
        )}
      </Loaded>
    </Part>
  );
}

const SYSTEMS: [RegExp, string][] = [
  [/iPhone|iPad/, "iOS"],
  [/Android/, "Android"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/Linux|X11/, "Linux"],
];

/** Returns a short name. Sessions have what the browser says of itself, whose beginning tells the operating system. */
function nameOf({ name }: SignIn, kind: Properties["kind"], t: (key: "browserOn" | "browser", options: { system: string }) => string) {
  if (kind === "token" || !name.startsWith("Mozilla/")) return name || "—";
  const system = SYSTEMS.find(([pattern]) => pattern.test(name))?.[1];
  return system ? t("browserOn", { system }) : t("browser", { system: "" });
}
