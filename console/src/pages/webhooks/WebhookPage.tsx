import { useTranslation } from "react-i18next";
import { Page } from "../../shared/Page";

export default function WebhookPage() {
  const { t } = useTranslation("webhooks");
  return <Page title={t("title")}>{null}</Page>;
}
