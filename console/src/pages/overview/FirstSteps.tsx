import { Flex, Steps, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { usePermissions } from "../../app/session";
import { Section } from "../../common/Section";
import type { Overview } from "./overview";

/** What comes next while nobody is enrolled. */
export function FirstSteps({ overview }: { overview: Overview }) {
  const { t } = useTranslation("overview");
  const { isAdmin, canWork } = usePermissions();
  if (!canWork) return null;
  const steps = [
    { name: "library" as const, to: "/libraries", isDone: overview.libraries > 0 },
    { name: "person" as const, to: "/libraries", isDone: false },
    { name: "try" as const, to: "/try", isDone: false },
    ...(isAdmin ? [{ name: "app" as const, to: "/apps", isDone: false }] : []),
  ];
  const current = steps.findIndex(({ isDone }) => !isDone);
  return (
    <Section title={t("first.title")} extra={isAdmin && <Link to="/setup">{t("first.guide")}</Link>}>
      <Flex vertical gap={12}>
        <Typography.Text type="secondary">{t("first.about")}</Typography.Text>
        <Steps
          size="small"
          responsive
          current={current}
          items={steps.map(({ name, to, isDone }) => ({
            title: isDone ? t(`first.${name}.title`) : <Link to={to}>{t(`first.${name}.title`)}</Link>,
            content: t(`first.${name}.about`),
          }))}
        />
      </Flex>
    </Section>
  );
}
