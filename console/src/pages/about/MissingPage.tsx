import { Button, Result } from "antd";
import { useTranslation } from "react-i18next";
import { useLocation, useNavigate } from "react-router";
import { Page } from "../../common/Page";

/** Shown at an address that no page has. */
export default function MissingPage() {
  const { t } = useTranslation("about");
  const navigate = useNavigate();
  const { pathname } = useLocation();
  return (
    <Page title={t("missing.title")}>
      <Result
        status="404"
        subTitle={<span style={{ overflowWrap: "anywhere" }}>{t("missing.about", { path: pathname })}</span>}
        extra={[
          <Button key="overview" type="primary" onClick={() => void navigate("/overview")}>
            {t("missing.overview")}
          </Button>,
          <Button key="back" onClick={() => void navigate(-1)}>
            {t("missing.back")}
          </Button>,
        ]}
      />
    </Page>
  );
}
