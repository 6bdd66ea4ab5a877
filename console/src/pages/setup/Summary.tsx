import { CheckCircleFilled, MinusCircleOutlined } from "@ant-design/icons";
import { Button, Flex, theme, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { type Step, STEPS } from "./useProgress";

const PLACES = ["overview", "try", "apps", "libraries", "api", "operators", "settings"] as const;

interface Properties {
  isDone: Record<Step, boolean>;
  /** Opens a step by its place. */
  onOpen: (place: number) => void;
}

/** What is done, what was skipped, and where to go from here. */
export function Summary({ isDone, onOpen }: Properties) {
  const { t } = useTranslation("setup");
  const { token } = theme.useToken();
  return (
    <Flex vertical gap={20}>
      <div>
        <Typography.Title level={2} style={{ fontSize: 18, margin: 0 }}>
          {t(STEPS.every((step) => isDone[step]) ? "summary.allDone" : "summary.title")}
        </Typography.Title>
        <Typography.Text type="secondary">{t("summary.about")}</Typography.Text>
      </div>
      <ul style={{ listStyle: "none", margin: 0, padding: 0 }}>
        {STEPS.map((step, index) => (
          <li key={step}>
            <Flex align="center" gap={8} wrap style={{ minHeight: 32 }}>
              {isDone[step] ? (
                <CheckCircleFilled style={{ color: token.colorSuccess }} aria-hidden />
              ) : (
                <MinusCircleOutlined style={{ color: token.colorTextTertiary }} aria-hidden />
              )}
              <span>{t(`${step}.title`)}</span>
              <Typography.Text type="secondary">{t(isDone[step] ? "done" : "notDone")}</Typography.Text>
              {!isDone[step] && (
                <Button type="link" size="small" onClick={() => onOpen(index)}>
                  {t("summary.open")}
                </Button>
              )}
            </Flex>
          </li>
        ))}
      </ul>
      <div>
        <Typography.Title level={3} style={{ fontSize: 15, marginBlock: "0 8px" }}>
          {t("summary.places")}
        </Typography.Title>
        <ul
          style={{
            listStyle: "none",
            margin: 0,
            padding: 0,
            display: "grid",
            gridTemplateColumns: "repeat(auto-fill, minmax(min(100%, 280px), 1fr))",
            gap: "12px 24px",
          }}
        >
          {PLACES.map((place) => (
            <li key={place}>
              <div>
                <Link to={`/${place}`}>{t(`places.${place}.name`)}</Link>
              </div>
              <Typography.Text type="secondary">{t(`places.${place}.what`)}</Typography.Text>
            </li>
          ))}
        </ul>
      </div>
    </Flex>
  );
}
