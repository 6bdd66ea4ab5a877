import { CheckOutlined, MinusOutlined } from "@ant-design/icons";
import { Flex, Grid, Table, type TableProps, theme, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { type Role, ROLES } from "./operators";

/** What can be done, with the roles that may do it. */
const RIGHTS = [
  { right: "look", roles: ["admin", "operator", "viewer"] },
  { right: "own", roles: ["admin", "operator", "viewer"] },
  { right: "recognise", roles: ["admin", "operator"] },
  { right: "people", roles: ["admin", "operator"] },
  { right: "jobs", roles: ["admin", "operator"] },
  { right: "erase", roles: ["admin", "operator"] },
  { right: "webhooks", roles: ["admin", "operator"] },
  { right: "templates", roles: ["admin"] },
  { right: "apps", roles: ["admin"] },
  { right: "engines", roles: ["admin"] },
  { right: "operators", roles: ["admin"] },
  { right: "settings", roles: ["admin"] },
] as const satisfies { right: string; roles: Role[] }[];

type Row = (typeof RIGHTS)[number];

/** What each role may do. */
export function Roles() {
  const { t } = useTranslation("operators");
  const { token } = theme.useToken();
  const isWide = Grid.useBreakpoint().sm ?? true;
  const mark = (isAllowed: boolean) => {
    const text = t(isAllowed ? "may" : "mayNot");
    const color = isAllowed ? token.colorSuccess : token.colorTextTertiary;
    const Icon = isAllowed ? CheckOutlined : MinusOutlined;
    return (
      <span style={{ color, whiteSpace: "nowrap" }}>
        {/* On a narrow screen the shape alone tells. */}
        <Icon aria-hidden={isWide} aria-label={isWide ? undefined : text} /> {isWide && text}
      </span>
    );
  };
  const columns: TableProps<Row>["columns"] = [
    { title: t("right"), render: (_, { right }) => t(`rights.${right}`) },
    ...ROLES.map((role) => ({
      title: t(`role.${role}`),
      width: isWide ? 96 : 76,
      render: (_: unknown, { roles }: Row) => mark((roles as readonly Role[]).includes(role)),
    })),
  ];
  return (
    <Flex vertical gap={16}>
      {ROLES.map((role) => (
        <div key={role}>
          <Typography.Title level={2} style={{ fontSize: 16, margin: 0 }}>
            {t(`role.${role}`)}
          </Typography.Title>
          <Typography.Text>{t(`roleAbout.${role}`)}</Typography.Text>
        </div>
      ))}
      <Table<Row> rowKey="right" size="middle" columns={columns} dataSource={[...RIGHTS]} pagination={false} />
      <Typography.Text type="secondary">{t("rolesNote")}</Typography.Text>
    </Flex>
  );
}
