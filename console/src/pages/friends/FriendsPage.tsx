import { useTranslation } from "react-i18next";
import { Page } from "../../shared/Page";

export default function FriendsPage() {
  const { t } = useTranslation("friends");
  return <Page title={t("title")}>{null}</Page>;
}
