import { useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Card, Descriptions, Flex, Form, Typography } from "antd";
import dayjs, { type Dayjs } from "dayjs";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, dataOf, queries, type Schema } from "../../api/client";
import { useChange } from "../../common/change";
import { useConfirm } from "../../common/confirm";
import { Moment } from "../../common/time";
import { AppToken } from "./AppToken";
import { areasOf, CapabilityChoice, useAreaText, useCapabilities } from "./capabilities";
import { DueChoice } from "./DueChoice";
import { DueDate, GrantState } from "./GrantState";
import { NewApp } from "./NewApp";

/** App of the administrators. The platform keeps it to itself. */
const ADMIN_APP = "admin";

/** The grant of an app, its token, and the end of both. */
export function GrantPanel({ app }: { app: Schema<"App"> }) {
  const { t } = useTranslation("apps");
  const [isGranting, setIsGranting] = useState(false);
  const hasGrant = app.state === "active" || app.state === "expired";
  return (
    <Flex vertical gap={16}>
      <Card>
        <Descriptions
          column={{ xs: 1, md: 3 }}
          style={{ marginBottom: hasGrant ? 0 : 12 }}
          items={[
            { key: "state", label: t("grant.state"), children: <GrantState state={app.state} /> },
            {
              key: "due",
              label: t("grant.due"),
              children: (
                <div>
                  <DueDate at={app.dueAt} />
                </div>
              ),
            },
            { key: "created", label: t("created"), children: <Moment at={app.createdAt} /> },
          ]}
        />
        {!hasGrant && (
          <Alert
            type={app.state === "revoked" ? "error" : "info"}
            showIcon
            title={t(`grant.explained.${app.state === "revoked" ? "revoked" : "none"}`)}
            description={app.appId === ADMIN_APP ? t("grant.reserved") : undefined}
            action={
              app.appId !== ADMIN_APP && (
                <Button type="primary" onClick={() => setIsGranting(true)}>
                  {t("create.grant")}
                </Button>
              )
            }
          />
        )}
      </Card>
      {hasGrant && (
        <>
          <GrantForm key={`${app.dueAt} ${app.capabilities.join()}`} app={app} />
          <Token app={app.appId} />
          <Revocation app={app.appId} />
        </>
      )}
      {isGranting && <NewApp appId={app.appId} onClose={() => setIsGranting(false)} />}
    </Flex>
  );
}

interface Fields {
  dueAt: Dayjs;
  capabilities: string[];
}

function GrantForm({ app }: { app: Schema<"App"> }) {
  const { t } = useTranslation(["apps", "common"]);
  const cache = useQueryClient();
  const confirm = useConfirm();
  const capabilities = useCapabilities();
  const areaText = useAreaText();
  const [isChanged, setIsChanged] = useState(false);
  const [fields] = Form.useForm<Fields>();
  const send = ({ dueAt, capabilities: ids }: Fields) =>
    dataOf(
      api.PATCH("/apps/{app}", {
        params: { path: { app: app.appId } },
        body: { dueAt: dueAt.toISOString(), capabilities: ids },
      }),
    );
  const { run, isBusy } = useChange(send);
  const save = (next: Fields) => {
    const known = capabilities.data?.items ?? [];
    const kept = areasOf(next.capabilities, known);
    const lost = areasOf(app.capabilities, known).filter((area) => !kept.includes(area));
    const ends = next.dueAt.isBefore(dayjs());
    if (lost.length === 0 && !ends) return void run(next, t("common:saved"));
    confirm({
      title: t("grant.narrow.title", { app: app.appId }),
      content: (
        <>
          {ends && <p>{t("grant.narrow.ends")}</p>}
          {lost.length > 0 && <p>{t("grant.narrow.lost", { areas: lost.map((area) => areaText(area).name).join(t("and")) })}</p>}
        </>
      ),
      action: t("common:save"),
      onConfirm: async () => {
        await send(next);
        void cache.invalidateQueries();
      },
    });
  };
  return (
    <Card title={t("grant.title")}>
      <Form
        form={fields}
        layout="vertical"
        initialValues={{ dueAt: dayjs(app.dueAt), capabilities: app.capabilities }}
        onValuesChange={() => setIsChanged(true)}
        onFinish={save}
      >
        <Form.Item name="dueAt" label={t("grant.due")} extra={t("grant.dueHelp")}>
          <DueChoice />
        </Form.Item>
        <Form.Item
          name="capabilities"
          label={t("grant.capabilities")}
          rules={[{ required: true, type: "array", min: 1, message: t("grant.capabilityOrRevoke") }]}
        >
          <CapabilityChoice />
        </Form.Item>
        <Flex gap={8}>
          <Button type="primary" htmlType="submit" loading={isBusy} disabled={!isChanged}>
            {t("common:save")}
          </Button>
          <Button
            disabled={!isChanged || isBusy}
            onClick={() => {
              fields.resetFields();
              setIsChanged(false);
            }}
          >
            {t("common:cancel")}
          </Button>
        </Flex>
      </Form>
    </Card>
  );
}

function Token({ app }: { app: string }) {
  const { t } = useTranslation("apps");
  const cache = useQueryClient();
  const confirm = useConfirm();
  const [token, setToken] = useState<string | null>(null);
  const replace = () =>
    confirm({
      title: t("token.replace.title", { app }),
      content: t("token.replace.breaks"),
      action: t("token.replace.action"),
      word: app,
      onConfirm: async () => {
        const created = await dataOf(api.POST("/apps/{app}/token", { params: { path: { app } } }));
        setToken(created.token);
        void cache.invalidateQueries();
      },
    });
  return (
    <Card title={t("token.title")}>
      <Flex vertical gap={12} align="start">
        <Typography.Text>{t("token.explained")}</Typography.Text>
        <Typography.Text type="secondary">{t("token.replace.breaks")}</Typography.Text>
        <Button danger onClick={replace}>
          {t("token.replace.action")}
        </Button>
      </Flex>
      {token !== null && (
        <AppToken title={t("token.replace.done", { app })} token={token} onClose={() => setToken(null)} />
      )}
    </Card>
  );
}

function Revocation({ app }: { app: string }) {
  const { t } = useTranslation("apps");
  const cache = useQueryClient();
  const confirm = useConfirm();
  const quota = queries.useQuery("get", "/apps/{app}/quota", { params: { path: { app } } });
  const { libraries = 0, people = 0 } = quota.data?.used ?? {};
  const revoke = () =>
    confirm({
      title: t("revoke.title", { app }),
      content: (
        <>
          <p>{t("revoke.breaks")}</p>
          <p>{t("revoke.stays", { libraries: libraries.toLocaleString(), people: people.toLocaleString() })}</p>
        </>
      ),
      action: t("revoke.action"),
      word: app,
      onConfirm: async () => {
        await api.DELETE("/apps/{app}", { params: { path: { app } } });
        void cache.invalidateQueries();
      },
    });
  return (
    <Card title={t("revoke.heading")}>
      <Flex vertical gap={12} align="start">
        <Typography.Text>{t("revoke.breaks")}</Typography.Text>
        <Button danger type="primary" onClick={revoke}>
          {t("revoke.action")}
        </Button>
      </Flex>
    </Card>
  );
}
