import { useTranslation } from "react-i18next";
import { Page } from "../../shared/Page";

export default function OperatorsPage() {
  const { t } = useTranslation("operators");
  return <Page title={t("title")}>{null}</Page>;
}
