import { Alert, Button, Card, Flex } from "antd";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useSessions } from "../../app/session";
import { Page } from "../../common/Page";
import { isByFace } from "../operators/face";
import { Appearance } from "./Appearance";
import { OwnFace } from "./OwnFace";
import { OwnPassword } from "./OwnPassword";
import { OwnToken } from "./OwnToken";
import { SignIns } from "./SignIns";
import { WhoAmI } from "./WhoAmI";

/** One's own account: who one is, password, face, sessions and tokens, language and theme. */
export default function AccountPage() {
  const { t } = useTranslation("account");
  const { session } = useSessions();
  const navigate = useNavigate();
  const owner = session?.operatorId ?? null;
  const byFace = isByFace(session);
  return (
    <Page title={t("title")} about={t("about")}>
      <Flex vertical gap={16} style={{ maxWidth: 960 }}>
        {owner === null && (
          <Alert
            type="info"
            showIcon
            title={t("noOperator")}
            description={
              <Flex vertical gap={8} align="start">
                {t("noOperatorAbout")}
                <Button onClick={() => void navigate("/operators")}>{t("toOperators")}</Button>
              </Flex>
            }
          />
        )}
        {byFace && <Alert type="info" showIcon title={t("byFace")} description={t("byFaceAbout")} />}
        <Card>
          <WhoAmI />
        </Card>
        {owner !== null && !byFace && (
          <>
            <Card>
              <OwnPassword />
            </Card>
            <Card>
              <OwnFace />
            </Card>
          </>
        )}
        <Card>
          <SignIns kind="session" owner={owner} level={2} about={t("session.about")} />
        </Card>
        {owner !== null && (
          <Card>
            <SignIns kind="token" owner={owner} level={2} about={t("token.about")} actions={!byFace && <OwnToken />} />
          </Card>
        )}
        <Card>
          <Appearance />
        </Card>
      </Flex>
    </Page>
  );
}
