import { Card, Descriptions, Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { usePermissions } from "../../app/session";
import { Copyable } from "../../common/Copyable";
import { Part } from "../../common/Part";

/** The interfaces besides the REST API, with the paths below which they answer. */
const INTERFACES = [
  { name: "rest", paths: ["/api/v1/…"] },
  {
    name: "aicp",
    paths: ["/aicp/face/…", "/interactiveability/face/…", "/authorize/…", "/user/…", "/asynchrony/…", "/method/call…", "/face-api/v3/…"],
  },
  { name: "jdcloud", paths: ["/jdai/…"] },
  { name: "linkvisual", paths: ["/"] },
  { name: "tencent", paths: ["/v4/sns/…", "/v4/im_open_login_svc/…"] },
] as const;

/** What answers without a sign-in, for the machines that watch the server. */
const PLACES = [
  { name: "healthz", path: "/healthz" },
  { name: "readyz", path: "/readyz" },
  { name: "metrics", path: "/metrics" },
] as const;

/** The five interfaces with their base paths, and other addresses of this server. */
export function Addresses() {
  const { t } = useTranslation("about");
  const { isAdmin } = usePermissions();
  const { origin } = window.location;
  return (
    <Flex vertical gap={24} style={{ maxWidth: 960 }}>
      <Typography.Text>{t("interfaces.about")}</Typography.Text>
      {INTERFACES.map(({ name, paths }) => (
        <Card key={name} size="small">
          <Part title={t(`interfaces.${name}.title`)} about={t(`interfaces.${name}.about`)}>
            <Descriptions
              size="small"
              column={1}
              styles={{ content: { minWidth: 0, overflowWrap: "anywhere" }, label: { whiteSpace: "nowrap" } }}
              items={[
                { key: "base", label: t("interfaces.base"), children: <Copyable text={origin} /> },
                {
                  key: "paths",
                  label: t("interfaces.paths"),
                  children: (
                    <Flex gap="4px 12px" wrap>
                      {paths.map((path) => (
                        <Typography.Text key={path} code>
                          {path}
                        </Typography.Text>
                      ))}
                    </Flex>
                  ),
                },
                { key: "credential", label: t("interfaces.credential"), children: t(`interfaces.${name}.credential`) },
              ]}
            />
          </Part>
        </Card>
      ))}
      {isAdmin && <Link to="/apps">{t("interfaces.toApps")}</Link>}
      <Part title={t("places.title")} about={t("places.about")}>
        <Descriptions
          size="small"
          bordered
          column={1}
          styles={{ content: { minWidth: 0, overflowWrap: "anywhere" } }}
          items={PLACES.map(({ name, path }) => ({
            key: name,
            label: t(`places.${name}`),
            children: <Copyable text={origin + path} />,
          }))}
        />
      </Part>
    </Flex>
  );
}
