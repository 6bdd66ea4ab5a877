import { Alert, Flex } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { usePermissions } from "../../app/session";
import { type Trouble, type TroublePage, troublesOf } from "./health";
import type { Overview } from "./overview";

const ADDRESSES: Record<TroublePage, string> = {
  engines: "/engines",
  calls: "/calls?ok=false",
  jobs: "/jobs?state=failed",
  settings: "/settings",
  statistics: "/statistics",
};
/** Pages that are open to administrators alone. */
const FOR_ADMINS: TroublePage[] = ["engines", "settings"];

/** Says whether all is well; else what is wrong, and where it is mended. */
export function StatusLine({ overview }: { overview: Overview }) {
  const { t } = useTranslation("overview");
  const troubles = troublesOf(overview);
  if (troubles.length === 0) {
    return <Alert type="success" showIcon role="status" title={t("status.well")} description={t("status.wellAbout")} />;
  }
  const isSevere = troubles.some((trouble) => trouble.isSevere);
  return (
    <Alert
      type={isSevere ? "error" : "warning"}
      showIcon
      role="status"
      title={t(isSevere ? "status.severe" : "status.look")}
      description={
        <Flex vertical gap={6} component="ul" style={{ margin: 0, paddingInlineStart: 18 }}>
          {troubles.map((trouble) => (
            <li key={`${trouble.kind} ${trouble.values.name ?? ""}`}>
              <TroubleText trouble={trouble} />
            </li>
          ))}
        </Flex>
      }
    />
  );
}

function TroubleText({ trouble: { kind, values, page } }: { trouble: Trouble }) {
  const { t } = useTranslation("overview");
  const { isAdmin } = usePermissions();
  const mayOpen = page !== null && (isAdmin || !FOR_ADMINS.includes(page));
  return (
    <>
      <strong>{t(`trouble.${kind}.what`, values)}</strong> {t(`trouble.${kind}.advice`)}{" "}
      {mayOpen && (
        <Link to={ADDRESSES[page]} style={{ textDecoration: "underline" }}>
          {t(`status.open.${page}`)}
        </Link>
      )}
    </>
  );
}
