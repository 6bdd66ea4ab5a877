import { App, Button, Card, Flex, Form, Input, Tabs, theme, Typography } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, dataOf, type Schema } from "../api/client";
import { Failure } from "../api/failure";
import { PictureInput } from "../common/PictureInput";
import { base64Of, shrunk } from "../common/picture";
import { describe, FailurePanel } from "../common/states";
import { AppearanceMenu } from "./menus";
import { useSessions } from "./session";

type Credentials = Schema<"Credentials">;
type Way = "password" | "token" | "face";

/** Sign-in by password, by admin token, or by face. */
export function SignIn() {
  const { t } = useTranslation("signIn");
  const { token } = theme.useToken();
  const { begin, hasEnded } = useSessions();
  const [options, setOptions] = useState<Schema<"SignInWays"> | null>(null);
  const [way, setWay] = useState<Way>("password");
  const [failure, setFailure] = useState<unknown>(null);
  const [isBusy, setIsBusy] = useState(false);
  /** Name and password that were right, of an operator who must show the face, too. */
  const [first, setFirst] = useState<Credentials | null>(null);

  useEffect(() => {
    document.title = `${t("title")} · AICP`;
  }, [t]);
  useEffect(() => {
    dataOf(api.GET("/sign-in"))
      .then((found) => {
        setOptions(found);
        if (!found.isSetUp) setWay("token");
      })
      .catch(setFailure);
  }, []);

  const signIn = async (credentials: Credentials) => {
    setIsBusy(true);
    setFailure(null);
    try {
      begin(await dataOf(api.POST("/session", { body: credentials })));
      if (options && !options.isSetUp) window.location.hash = "#/setup";
    } catch (error) {
      if (error instanceof Failure && error.code === "faceWanted") setFirst(credentials);
      else setFailure(error);
    } finally {
      setIsBusy(false);
    }
  };
  const choose = (next: string) => {
    setWay(next as Way);
    setFailure(null);
    setFirst(null);
  };

  const ways = [
    { key: "password", label: t("password.tab"), children: <ByPassword isBusy={isBusy} onSignIn={signIn} /> },
    ...(options?.byFace ? [{ key: "face", label: t("face.tab"), children: <ByFace isBusy={isBusy} onSignIn={signIn} /> }] : []),
    { key: "token", label: t("token.tab"), children: <ByToken isBusy={isBusy} onSignIn={signIn} /> },
  ];
  return (
    <Flex
      vertical
      align="center"
      role="main"
      style={{ minHeight: "100vh", padding: 16, boxSizing: "border-box", background: token.colorBgLayout }}
    >
      <Flex justify="end" style={{ width: "100%" }}>
        <AppearanceMenu />
      </Flex>
      <Flex vertical align="center" gap={8} style={{ marginBlock: "min(8vh, 72px) 24px" }}>
        <img src="/icon.svg" alt="" width={56} height={56} />
        <Typography.Title level={1} style={{ fontSize: 24, margin: 0 }}>
          {t("title")}
        </Typography.Title>
        <Typography.Text type="secondary" style={{ textAlign: "center" }}>
          {options && !options.isSetUp ? t("firstStart") : t("about")}
        </Typography.Text>
      </Flex>
      <Card style={{ width: "100%", maxWidth: 420 }}>
        {hasEnded && !failure && <Typography.Paragraph type="warning">{t("ended")}</Typography.Paragraph>}
        {failure ? (
          <div style={{ marginBottom: 16 }}>
            <FailurePanel failure={failure} />
          </div>
        ) : null}
        {first ? (
          <>
            <Typography.Paragraph>{t("face.second", { name: first.name })}</Typography.Paragraph>
            <ByFace isSecond isBusy={isBusy} onSignIn={(face) => signIn({ ...first, ...face })} />
            <Button type="link" block onClick={() => setFirst(null)}>
              {t("back")}
            </Button>
          </>
        ) : (
          <Tabs activeKey={way} onChange={choose} items={ways} destroyOnHidden centered />
        )}
      </Card>
    </Flex>
  );
}

interface Properties {
  isBusy: boolean;
  onSignIn: (credentials: Credentials) => void;
}

function ByPassword({ isBusy, onSignIn }: Properties) {
  const { t } = useTranslation("signIn");
  return (
    <Form layout="vertical" requiredMark={false} onFinish={onSignIn} disabled={isBusy}>
      <Form.Item name="name" label={t("password.name")} rules={[{ required: true, message: t("password.nameWanted") }]}>
        <Input autoComplete="username" autoFocus />
      </Form.Item>
      <Form.Item name="password" label={t("password.password")} rules={[{ required: true, message: t("password.passwordWanted") }]}>
        <Input.Password autoComplete="current-password" />
      </Form.Item>
      <Button type="primary" htmlType="submit" block loading={isBusy}>
        {t("submit")}
      </Button>
    </Form>
  );
}

function ByToken({ isBusy, onSignIn }: Properties) {
  const { t } = useTranslation("signIn");
  return (
    <Form layout="vertical" requiredMark={false} onFinish={onSignIn} disabled={isBusy}>
      <Form.Item
        name="adminToken"
        label={t("token.token")}
        extra={t("token.where")}
        rules={[{ required: true, message: t("token.wanted") }]}
      >
        <Input.Password autoComplete="off" />
      </Form.Item>
      <Button type="primary" htmlType="submit" block loading={isBusy}>
        {t("submit")}
      </Button>
    </Form>
  );
}

/** Takes the face. `isSecond`: after a password that was right, so that the face gives the whole role. */
function ByFace({ isBusy, onSignIn, isSecond = false }: Properties & { isSecond?: boolean }) {
  const { t } = useTranslation("signIn");
  const { message } = App.useApp();
  const sendPicture = async (picture: Blob) => {
    try {
      onSignIn({ face: await base64Of(await shrunk(picture)) });
    } catch (error) {
      message.error(describe(error).title);
    }
  };
  return (
    <Flex vertical gap={12}>
      <PictureInput onPicture={(picture) => void sendPicture(picture)} isBusy={isBusy} startsWithCamera />
      <Typography.Text type="secondary">{t(isSecond ? "face.notKept" : "face.about")}</Typography.Text>
    </Flex>
  );
}
