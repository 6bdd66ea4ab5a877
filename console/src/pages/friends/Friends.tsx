import { PlusOutlined } from "@ant-design/icons";
import { useQueryClient } from "@tanstack/react-query";
import { Button, Card, Flex, type TableColumnsType, Tag, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { api } from "../../api/client";
import { usePermissions } from "../../app/session";
import { useConfirm } from "../../common/confirm";
import { CursorTable } from "../../common/cursor";
import { useTableScroll } from "../../common/tableScroll";
import { FriendForm } from "./FriendForm";
import { type Friend, useFriends, type Whose } from "./friends";

/** The friends of an account, with what it calls them and the groups that they are in. */
export function Friends({ app, account }: Whose) {
  const { t } = useTranslation("friends");
  const { canWork } = usePermissions();
  const list = useFriends({ app, account });
  const scroll = useTableScroll();
  const [form, setForm] = useState<{ friend: Friend | null } | null>(null);
  const columns: TableColumnsType<Friend> = [
    {
      key: "friend",
      title: t("friend.account"),
      render: (_, { id, nick }) => (
        <div style={{ overflowWrap: "anywhere", maxWidth: 220 }}>
          <Link to={`/friends?${new URLSearchParams({ app, account: id }).toString()}`}>{id}</Link>
          {nick && <Typography.Text type="secondary" style={{ display: "block" }}>{nick}</Typography.Text>}
        </div>
      ),
    },
    {
      key: "remark",
      title: t("friend.remark"),
      render: (_, { remark }) => <div style={{ overflowWrap: "anywhere", maxWidth: 160 }}>{remark || "—"}</div>,
    },
    {
      key: "groups",
      title: t("friend.groups"),
      responsive: ["sm"],
      render: (_, { groups }) => (
        <Flex gap={4} wrap style={{ maxWidth: 240 }}>
          {groups.length === 0
            ? "—"
            : groups.map((group) => (
                <Tag key={group} variant="outlined" style={{ whiteSpace: "normal", overflowWrap: "anywhere" }}>
                  {group}
                </Tag>
              ))}
        </Flex>
      ),
    },
  ];
  if (canWork) {
    columns.push({
      key: "actions",
      title: t("friend.actions"),
      render: (_, friend) => <Acts app={app} account={account} friend={friend} onEdit={() => setForm({ friend })} />,
    });
  }
  return (
    <Card
      title={<h3 style={{ margin: 0, fontSize: "inherit" }}>{t("friend.title")}</h3>}
      extra={
        canWork && (
          <Button type="primary" icon={<PlusOutlined />} onClick={() => setForm({ friend: null })}>
            {t("friend.add")}
          </Button>
        )
      }
      styles={{ body: { padding: 12 } }}
    >
      <CursorTable list={list} rowKey="id" size="small" columns={columns} scroll={scroll} nothing={t("friend.nothing")} />
      {form && <FriendForm app={app} account={account} friend={form.friend} onClose={() => setForm(null)} />}
    </Card>
  );
}

function Acts({ app, account, friend, onEdit }: Whose & { friend: Friend; onEdit: () => void }) {
  const { t } = useTranslation(["friends", "common"]);
  const cache = useQueryClient();
  const confirm = useConfirm();
  const { id, remark, groups } = friend;
  const remove = () =>
    confirm({
      title: t("friend.remove.title", { id, account }),
      content: (
        <>
          <p>{t("friend.remove.side", { id, account })}</p>
          {(remark || groups.length > 0) && <p>{t("friend.remove.lost")}</p>}
        </>
      ),
      action: t("friend.remove.action"),
      onConfirm: async () => {
        await api.DELETE("/apps/{app}/accounts/{account}/friends/{friend}", { params: { path: { app, account, friend: id } } });
        void cache.invalidateQueries();
      },
    });
  return (
    <Flex gap={4} wrap>
      <Button size="small" autoInsertSpace={false} onClick={onEdit} aria-label={`${t("common:edit")}: ${id}`}>
        {t("common:edit")}
      </Button>
      <Button size="small" danger autoInsertSpace={false} onClick={remove} aria-label={`${t("friend.remove.action")}: ${id}`}>
        {t("friend.remove.action")}
      </Button>
    </Flex>
  );
}
