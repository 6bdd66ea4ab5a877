import { MoreOutlined } from "@ant-design/icons";
import { Button, Card, Dropdown, Flex, Tag, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { queries, type Schema } from "../../api/client";
import { usePermissions } from "../../app/session";
import { describe } from "../../common/states";
import { Moment } from "../../common/time";
import { LibraryNumbers } from "./LibraryNumbers";
import { DeletionNotice } from "./removal";

interface Properties {
  library: Schema<"ShownLibrary">;
  onEdit: () => void;
  onCopy: () => void;
  onDelete: (numbers: Schema<"LibraryStatistics"> | undefined) => void;
}

/** A library of the list. */
export function LibraryCard({ library, onEdit, onCopy, onDelete }: Properties) {
  const { t } = useTranslation("libraries");
  const { t: common } = useTranslation();
  const { canWork, seesAllApps } = usePermissions();
  const { id, name, description, groupId, engine, appId, updatedAt } = library;
  const numbers = queries.useQuery("get", "/libraries/{library}/statistics", { params: { path: { library: id } } });
  const acts = { edit: onEdit, copy: onCopy, delete: () => onDelete(numbers.data) };
  return (
    <Card size="small" styles={{ root: { height: "100%" }, body: { height: "100%" } }}>
      <Flex vertical gap={10} style={{ height: "100%" }}>
        <Flex justify="space-between" align="start" gap={8}>
          <div style={{ minWidth: 0 }}>
            <Typography.Title level={2} style={{ fontSize: 16, margin: 0, overflowWrap: "anywhere" }}>
              <Link to={`/libraries/${id}`}>{name}</Link>
            </Typography.Title>
            {groupId !== name && (
              <Typography.Text type="secondary" style={{ overflowWrap: "anywhere" }}>
                {t("fields.groupId")} {groupId}
              </Typography.Text>
            )}
          </div>
          {canWork && (
            <Dropdown
              trigger={["click"]}
              autoFocus
              menu={{
                onClick: ({ key }) => acts[key as keyof typeof acts](),
                items: [
                  { key: "edit", label: common("edit") },
                  { key: "copy", label: t("copy.menu") },
                  { type: "divider" },
                  { key: "delete", label: common("delete"), danger: true },
                ],
              }}
            >
              <Button type="text" icon={<MoreOutlined />} aria-label={t("list.actsOf", { name })} />
            </Dropdown>
          )}
        </Flex>
        <DeletionNotice library={library} />
        {description && (
          <Typography.Paragraph ellipsis={{ rows: 2, tooltip: description }} style={{ margin: 0 }}>
            {description}
          </Typography.Paragraph>
        )}
        {numbers.error ? (
          <Typography.Text type="danger">{describe(numbers.error).title}</Typography.Text>
        ) : (
          <LibraryNumbers numbers={numbers.data} isShort />
        )}
        <span style={{ flex: 1 }} />
        <Flex gap={4} wrap align="center">
          {seesAllApps && <Tag>{t("list.appOf", { app: appId })}</Tag>}
          <Tag>{t("list.engineOf", { engine })}</Tag>
          <Typography.Text type="secondary" style={{ fontSize: 12 }}>
            {t("list.updated")} <Moment at={updatedAt} ago />
          </Typography.Text>
        </Flex>
      </Flex>
    </Card>
  );
}
