import { Button, Result } from "antd";
import { useTranslation } from "react-i18next";
import { useRouteError } from "react-router";

/** Shown in place of a page whose code failed, or could not be loaded after the server was updated. */
export function PageFault() {
  const { t } = useTranslation("shell");
  const error = useRouteError();
  return (
    <Result
      status="error"
      title={t("fault.title")}
      subTitle={error instanceof Error ? error.message : String(error)}
      extra={
        <Button type="primary" onClick={() => window.location.reload()}>
          {t("fault.reload")}
        </Button>
      }
    />
  );
}
