import { useTranslation } from "react-i18next";
import { Page } from "../../shared/Page";

export default function SetupPage() {
  const { t } = useTranslation("setup");
  return <Page title={t("title")}>{null}</Page>;
}
