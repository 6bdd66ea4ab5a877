import { CloseOutlined, DeleteOutlined, PlusOutlined, UserAddOutlined } from "@ant-design/icons";
import { useQueryClient } from "@tanstack/react-query";
import { Button, Card, Flex, theme, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "../../api/client";
import { usePermissions } from "../../app/session";
import { useConfirm } from "../../common/confirm";
import { Loaded, Nothing } from "../../common/states";
import { type FriendGroup, useGroups, type Whose } from "./friends";
import { GroupForm } from "./GroupForm";

/** Number of members that are shown at first. */
const SHOWN = 20;

/** The friend groups of an account with their members. */
export function Groups({ app, account }: Whose) {
  const { t } = useTranslation("friends");
  const { canWork } = usePermissions();
  const query = useGroups({ app, account });
  const [form, setForm] = useState<{ group: FriendGroup | null } | null>(null);
  return (
    <Card
      title={<h3 style={{ margin: 0, fontSize: "inherit" }}>{t("group.title")}</h3>}
      extra={
        canWork && (
          <Button icon={<PlusOutlined />} onClick={() => setForm({ group: null })}>
            {t("group.create")}
          </Button>
        )
      }
    >
      <Loaded query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Nothing text={t("group.nothing")} />
          ) : (
            <Flex vertical gap={16}>
              {items.map((group) => (
                <Group
                  key={group.name}
                  app={app}
                  account={account}
                  group={group}
                  all={items}
                  onAdd={() => setForm({ group })}
                />
              ))}
            </Flex>
          )
        }
      </Loaded>
      {form && <GroupForm app={app} account={account} group={form.group} onClose={() => setForm(null)} />}
    </Card>
  );
}

interface Properties extends Whose {
  group: FriendGroup;
  all: FriendGroup[];
  onAdd: () => void;
}

function Group({ app, account, group, all, onAdd }: Properties) {
  const { t } = useTranslation("friends");
  const { token } = theme.useToken();
  const { canWork } = usePermissions();
  const [isWhole, setIsWhole] = useState(false);
  const cache = useQueryClient();
  const confirm = useConfirm();
  const { name, members } = group;
  const shown = isWhole ? members : members.slice(0, SHOWN);
  const remove = () =>
    confirm({
      title: t("group.delete.title", { name }),
      content: t("group.delete.lost", { members: members.length }),
      action: t("group.delete.action"),
      onConfirm: async () => {
        await api.DELETE("/apps/{app}/accounts/{account}/friend-groups/{group}", { params: { path: { app, account, group: name } } });
        void cache.invalidateQueries();
      },
    });
  const take = (friend: string) =>
    confirm({
      title: t("group.take.title", { friend, name }),
      content: t("group.take.stays"),
      action: t("group.take.action"),
      onConfirm: async () => {
        // A change names all groups of the friend.
        const groups = all.filter((other) => other.name !== name && other.members.includes(friend));
        await api.PUT("/apps/{app}/accounts/{account}/friends/{friend}", {
          params: { path: { app, account, friend } },
          body: { groups: groups.map((other) => other.name) },
        });
        void cache.invalidateQueries();
      },
    });
  return (
    <section>
      <Flex justify="space-between" align="start" gap={8}>
        <Typography.Title level={4} style={{ fontSize: 14, margin: 0, overflowWrap: "anywhere" }}>
          {name}{" "}
          <Typography.Text type="secondary" className="number">
            {t("group.members", { members: members.length })}
          </Typography.Text>
        </Typography.Title>
        {canWork && (
          <Flex>
            <Button size="small" type="text" icon={<UserAddOutlined />} aria-label={t("group.addTo", { name })} onClick={onAdd} />
            <Button
              size="small"
              type="text"
              danger
              icon={<DeleteOutlined />}
              aria-label={t("group.delete.of", { name })}
              onClick={remove}
            />
          </Flex>
        )}
      </Flex>
      {members.length === 0 && <Typography.Text type="secondary">{t("group.empty")}</Typography.Text>}
      <Flex component="ul" gap={4} wrap style={{ listStyle: "none", padding: 0, margin: "4px 0 0" }}>
        {shown.map((member) => (
          <li
            key={member}
            style={{
              display: "flex",
              alignItems: "center",
              maxWidth: "100%",
              paddingInlineStart: 8,
              paddingInlineEnd: canWork ? 0 : 8,
              border: `1px solid ${token.colorBorderSecondary}`,
              borderRadius: token.borderRadius,
            }}
          >
            <span style={{ overflowWrap: "anywhere" }}>{member}</span>
            {canWork && (
              <Button
                size="small"
                type="text"
                icon={<CloseOutlined style={{ fontSize: 10 }} />}
                aria-label={t("group.take.title", { friend: member, name })}
                onClick={() => take(member)}
              />
            )}
          </li>
        ))}
      </Flex>
      {members.length > shown.length && (
        <Button size="small" type="link" style={{ padding: 0 }} onClick={() => setIsWhole(true)}>
          {t("group.showAll", { members: members.length })}
        </Button>
      )}
    </section>
  );
}
