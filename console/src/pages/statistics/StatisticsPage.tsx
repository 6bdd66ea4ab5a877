import { useTranslation } from "react-i18next";
import { Page } from "../../shared/Page";

export default function StatisticsPage() {
  const { t } = useTranslation("statistics");
  return <Page title={t("title")}>{null}</Page>;
}
