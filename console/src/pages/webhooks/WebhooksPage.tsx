import { useTranslation } from "react-i18next";
import { Page } from "../../shared/Page";

export default function WebhooksPage() {
  const { t } = useTranslation("webhooks");
  return <Page title={t("title")}>{null}</Page>;
}
