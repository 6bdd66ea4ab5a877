import { useTranslation } from "react-i18next";
import { Page } from "../../shared/Page";

export default function LibraryPage() {
  const { t } = useTranslation("libraries");
  return <Page title={t("title")}>{null}</Page>;
}
