import { useTranslation } from "react-i18next";
import { Page } from "../../shared/Page";

export default function EnginesPage() {
  const { t } = useTranslation("engines");
  return <Page title={t("title")}>{null}</Page>;
}
