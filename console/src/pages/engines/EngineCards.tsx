import { CheckCircleFilled, CloseCircleFilled, QuestionCircleOutlined } from "@ant-design/icons";
import { Card, Col, Descriptions, type DescriptionsProps, Flex, Row, Tag, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { durationText, Moment } from "../../common/time";
import { type Engine, useEngineName } from "./engines";

/** The engines with their health, the writes that wait for each, and since when. */
export function EngineCards({ engines }: { engines: Engine[] }) {
  return (
    <Row gutter={[16, 16]}>
      {engines.map((engine) => (
        <Col key={engine.name} xs={24} md={12} xl={8}>
          <EngineCard engine={engine} />
        </Col>
      ))}
    </Row>
  );
}

function EngineCard({ engine }: { engine: Engine }) {
  const { t } = useTranslation("engines");
  const engineName = useEngineName();
  const { address, check, isDefault, name, writes } = engine;
  const items: DescriptionsProps["items"] = [];
  if (address) {
    items.push({
      key: "address",
      label: t("address"),
      children: <span style={{ overflowWrap: "anywhere" }}>{address}</span>,
    });
  }
  if (check) {
    items.push(
      { key: "since", label: t(engine.isUp ? "upSince" : "downSince"), children: <Moment at={check.since} ago /> },
      {
        key: "check",
        label: t("check"),
        children: (
          <span className="number">
            <Moment at={check.at} ago />
            {t("took", { time: durationText(check.tookMs) })}
          </span>
        ),
      },
    );
  }
  if (writes) {
    items.push(
      { key: "waiting", label: t("waiting"), children: <Count number={writes.waiting} isBad={engine.isUp === false} /> },
      { key: "refused", label: t("refused"), children: <Count number={writes.refused} isBad /> },
    );
    if (writes.oldestAt) items.push({ key: "oldest", label: t("oldest"), children: <Moment at={writes.oldestAt} ago /> });
  }
  return (
    <Card
      size="small"
      style={{ height: "100%" }}
      title={
        <Flex gap={8} align="center" wrap>
          <h3 style={{ margin: 0, fontSize: "inherit" }}>{engineName(name)}</h3>
          {isDefault && <Tag variant="outlined">{t("default")}</Tag>}
        </Flex>
      }
      extra={<Health isUp={engine.isUp} />}
    >
      {items.length > 0 ? (
        <Descriptions column={1} size="small" items={items} />
      ) : (
        <Typography.Text type="secondary">{t("inProcess")}</Typography.Text>
      )}
      {check?.error && (
        <Typography.Text type="danger" style={{ display: "block", marginTop: 8, overflowWrap: "anywhere" }}>
          {t("noAnswer", { error: check.error })}
        </Typography.Text>
      )}
    </Card>
  );
}

function Health({ isUp }: { isUp: boolean | null | undefined }) {
  const { t } = useTranslation("engines");
  if (isUp === true) {
    return (
      <Typography.Text type="success">
        <CheckCircleFilled aria-hidden /> {t("up")}
      </Typography.Text>
    );
  }
  if (isUp === false) {
    return (
      <Typography.Text type="danger">
        <CloseCircleFilled aria-hidden /> {t("down")}
      </Typography.Text>
    );
  }
  return (
    <Typography.Text type="secondary">
      <QuestionCircleOutlined aria-hidden /> {t("unchecked")}
    </Typography.Text>
  );
}

function Count({ number, isBad }: { number: number; isBad: boolean }) {
  return (
    <Typography.Text className="number" strong={number > 0} type={number > 0 && isBad ? "danger" : undefined}>
      {number.toLocaleString()}
    </Typography.Text>
  );
}
