import { Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { BASE } from "../../api/client";
import { usePermissions } from "../../app/session";
import { Part } from "../../common/Part";
import { Snippet } from "../../common/Snippet";
import { shellLine } from "./operation";

const RULES = ["token", "ids", "times", "pages", "pictures", "changes", "repeats", "errors"] as const;

/** The first calls, and rules that all calls share. */
export function Start() {
  const { t } = useTranslation("about");
  const { isAdmin } = usePermissions();
  const base = window.location.origin + BASE;
  const steps = [
    { name: "library", code: shellLine("POST", `${base}/libraries`, { json: { name: "staff" } }) },
    { name: "person", code: shellLine("POST", `${base}/libraries/1/people`, { fields: { name: "Ada", file: "@face.jpg" } }) },
    { name: "identify", code: shellLine("POST", `${base}/libraries/1/identify`, { fields: { file: "@probe.jpg" } }) },
    { name: "compare", code: shellLine("POST", `${base}/compare`, { fields: { a: "@a.jpg", b: "@b.jpg" } }) },
  ] as const;
  return (
    <Flex vertical gap={24} style={{ maxWidth: 960 }}>
      <Part title={t("start.token")} about={t("start.tokenAbout")}>
        <Snippet code={"export TOKEN=…"} label={t("start.token")} />
        <Flex gap={16} wrap>
          {isAdmin && <Link to="/apps">{t("start.toApps")}</Link>}
          <Link to="/account">{t("start.toAccount")}</Link>
        </Flex>
      </Part>
      {steps.map(({ name, code }) => (
        <Part key={name} title={t(`start.${name}`)} about={t(`start.${name}About`)}>
          <Snippet code={code} label={t(`start.${name}`)} />
        </Part>
      ))}
      <Part title={t("start.rules")}>
        <ul style={{ margin: 0, paddingInlineStart: 20 }}>
          {RULES.map((rule) => (
            <li key={rule} style={{ marginBottom: 4 }}>
              <Typography.Text>{t(`rules.${rule}`)}</Typography.Text>
            </li>
          ))}
        </ul>
      </Part>
    </Flex>
  );
}
