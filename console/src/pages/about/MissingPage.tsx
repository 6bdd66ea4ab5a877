import { useTranslation } from "react-i18next";
import { Page } from "../../shared/Page";

export default function MissingPage() {
  const { t } = useTranslation("about");
  return <Page title={t("title")}>{null}</Page>;
}
