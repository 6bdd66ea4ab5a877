import { useTranslation } from "react-i18next";
import { Page } from "../../shared/Page";

export default function JobPage() {
  const { t } = useTranslation("jobs");
  return <Page title={t("title")}>{null}</Page>;
}
