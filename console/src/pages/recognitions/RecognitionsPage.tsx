import { useTranslation } from "react-i18next";
import { Page } from "../../shared/Page";

export default function RecognitionsPage() {
  const { t } = useTranslation("recognitions");
  return <Page title={t("title")}>{null}</Page>;
}
