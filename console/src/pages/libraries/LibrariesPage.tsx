import { useTranslation } from "react-i18next";
import { Page } from "../../shared/Page";

export default function LibrariesPage() {
  const { t } = useTranslation("libraries");
  return <Page title={t("title")}>{null}</Page>;
}
