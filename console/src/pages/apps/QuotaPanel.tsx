import { WarningOutlined } from "@ant-design/icons";
import { Button, Card, Col, Flex, Form, InputNumber, Progress, Row, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, dataOf, queries, type Schema } from "../../api/client";
import { useChange } from "../../common/change";
import { Loaded } from "../../common/states";

const REFRESH_MS = 5_000;
/** Share of a limit from which on it is warned of. */
const NEAR = 0.9;

/** The limits of an app, and what it uses of them. */
export function QuotaPanel({ app }: { app: string }) {
  const { t } = useTranslation("apps");
  const query = queries.useQuery("get", "/apps/{app}/quota", { params: { path: { app } } }, { refetchInterval: REFRESH_MS });
  return (
    <Loaded query={query}>
      {({ limits, used }) => (
        <Row gutter={[16, 16]}>
          <Col xs={24} lg={12}>
            <Card title={t("limits.use")} style={{ height: "100%" }}>
              <Flex vertical gap={16}>
                <Use label={t("limits.callsToday")} used={used.callsToday} limit={limits.callsPerDay} />
                <Use label={t("limits.libraries")} used={used.libraries} limit={limits.maxLibraries} />
                <Use label={t("limits.people")} used={used.people} limit={limits.maxPeople} />
              </Flex>
            </Card>
          </Col>
          <Col xs={24} lg={12}>
            <LimitsForm key={JSON.stringify(limits)} app={app} limits={limits} />
          </Col>
        </Row>
      )}
    </Loaded>
  );
}

function Use({ label, used, limit }: { label: string; used: number | null | undefined; limit: number | null | undefined }) {
  const { t } = useTranslation(["apps", "common"]);
  const isLimited = typeof limit === "number";
  const share = isLimited && typeof used === "number" ? (limit === 0 ? 1 : used / limit) : 0;
  const isFull = isLimited && share >= 1;
  const isNear = isLimited && share >= NEAR;
  const count = typeof used === "number" ? used.toLocaleString() : "—";
  return (
    <div>
      <Flex justify="space-between" gap={8} wrap>
        <span>{label}</span>
        <span className="number">{isLimited ? `${count} / ${limit.toLocaleString()}` : `${count} · ${t("common:unlimited")}`}</span>
      </Flex>
      {isLimited && (
        <Progress
          percent={Math.min(100, Math.round(share * 100))}
          status={isFull ? "exception" : "normal"}
          showInfo={false}
          aria-label={label}
        />
      )}
      {isNear && (
        <Typography.Text type={isFull ? "danger" : "warning"}>
          <WarningOutlined aria-hidden /> {t(isFull ? "limits.full" : "limits.near")}
        </Typography.Text>
      )}
    </div>
  );
}

function LimitsForm({ app, limits }: { app: string; limits: Schema<"Limits"> }) {
  const { t } = useTranslation(["apps", "common"]);
  const [isChanged, setIsChanged] = useState(false);
  const { run, isBusy } = useChange((body: Schema<"Limits">) =>
    dataOf(api.PUT("/apps/{app}/quota", { params: { path: { app } }, body })),
  );
  const field = (name: keyof Schema<"Limits">, min: number, max?: number) => (
    <Form.Item name={name} label={t(`limits.${name}`)}>
      <InputNumber min={min} max={max} precision={0} style={{ width: 220 }} placeholder={t("common:unlimited")} />
    </Form.Item>
  );
  return (
    <Card title={t("limits.title")}>
      <Typography.Paragraph type="secondary">{t("limits.about")}</Typography.Paragraph>
      <Form
        layout="vertical"
        initialValues={limits}
        onValuesChange={() => setIsChanged(true)}
        onFinish={(values: Schema<"Limits">) => void run(values, t("common:saved"))}
      >
        {field("callsPerSecond", 1, 4_294_967_295)}
        {field("callsPerDay", 0)}
        {field("maxLibraries", 0)}
        {field("maxPeople", 0)}
        <Button type="primary" htmlType="submit" loading={isBusy} disabled={!isChanged}>
          {t("common:save")}
        </Button>
      </Form>
    </Card>
  );
}
