import { Result } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { usePermissions } from "../../app/session";
import { FailurePanel, Waiting } from "../../common/states";
import { SetupFrame } from "./SetupFrame";
import { Setup } from "./Setup";
import { useProgress } from "./useProgress";

/** First steps on a new platform: password, app, library, face, recognition. It can be opened again at any time. */
export default function SetupPage() {
  const { t } = useTranslation("setup");
  const { isAdmin } = usePermissions();
  return (
    <SetupFrame>
      {isAdmin ? (
        <ByProgress />
      ) : (
        <Result
          status="info"
          title={t("adminsOnly.title")}
          subTitle={t("adminsOnly.advice")}
          extra={<Link to="/overview">{t("toConsole")}</Link>}
        />
      )}
    </SetupFrame>
  );
}

function ByProgress() {
  const progress = useProgress();
  if (progress.isPending && !progress.failure) return <Waiting />;
  if (progress.failure) return <FailurePanel failure={progress.failure} onRetry={progress.retry} />;
  return <Setup progress={progress} />;
}
