import { useTranslation } from "react-i18next";
import { Page } from "../../shared/Page";

export default function TryPage() {
  const { t } = useTranslation("try");
  return <Page title={t("title")}>{null}</Page>;
}
