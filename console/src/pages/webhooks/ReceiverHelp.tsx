import { Collapse, Flex, Tabs, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Snippet } from "../../common/Snippet";
import { NODE_RECEIVER, PYTHON_RECEIVER } from "./receivers";

/** How a receiver takes events and checks that they are genuine, with code to copy. */
export function ReceiverHelp() {
  const { t } = useTranslation("webhooks");
  const language = (name: string, code: string) => ({
    key: name,
    label: name,
    children: <Snippet code={code} label={t("receiver.code", { language: name })} />,
  });
  return (
    <Collapse
      items={[
        {
          key: "receiver",
          label: t("receiver.title"),
          children: (
            <Flex vertical gap={12}>
              <ol style={{ margin: 0, paddingInlineStart: 20 }}>
                <li>{t("receiver.header")}</li>
                <li>{t("receiver.raw")}</li>
                <li>{t("receiver.time")}</li>
                <li>{t("receiver.repeat")}</li>
                <li>{t("receiver.answer")}</li>
              </ol>
              <Typography.Text type="secondary">{t("receiver.run")}</Typography.Text>
              <Tabs items={[language("Python", PYTHON_RECEIVER), language("Node.js", NODE_RECEIVER)]} />
            </Flex>
          ),
        },
      ]}
    />
  );
}
