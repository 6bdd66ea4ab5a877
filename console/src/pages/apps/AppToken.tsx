import { useTranslation } from "react-i18next";
import { ShownOnce } from "../../common/ShownOnce";
import { Snippet } from "../../common/Snippet";
import { restSnippet } from "./snippets";

/** Shows the new token of an app, once, with a first call to try it with. */
export function AppToken({ title, token, onClose }: { title: string; token: string; onClose: () => void }) {
  const { t } = useTranslation("apps");
  return (
    <ShownOnce title={title} about={t("token.about")} values={[{ label: t("token.label"), value: token }]} onClose={onClose}>
      <div>
        <div style={{ marginBottom: 4 }}>{t("token.try")}</div>
        <Snippet code={restSnippet(window.location.origin, token)} label={t("token.try")} />
      </div>
    </ShownOnce>
  );
}
