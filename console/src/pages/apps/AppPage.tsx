import { useTranslation } from "react-i18next";
import { Page } from "../../shared/Page";

export default function AppPage() {
  const { t } = useTranslation("apps");
  return <Page title={t("title")}>{null}</Page>;
}
