import { Alert } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { usePermissions } from "../app/session";

/** Shows its content to administrators; tells others that it is not for them. */
export function AdminsOnly({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const { isAdmin } = usePermissions();
  if (isAdmin) return children;
  return <Alert type="info" showIcon title={t("adminsOnly.title")} description={t("adminsOnly.advice")} />;
}
