import { Flex, Layout } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { AppearanceMenu } from "../../app/menus";
import { Page } from "../../common/Page";

/** The frame of the setup: brand, language and theme, and the way into the console. */
export function SetupFrame({ children }: { children: ReactNode }) {
  const { t } = useTranslation("setup");
  const { t: ofShell } = useTranslation("shell");
  return (
    <Layout style={{ minHeight: "100vh" }}>
      <Layout.Header style={{ padding: "0 16px" }}>
        <Flex align="center" justify="space-between" gap={8} style={{ height: "100%" }}>
          <Flex align="center" gap={10} style={{ minWidth: 0 }}>
            <img src="/icon.svg" alt="" width={28} height={28} />
            <strong style={{ fontSize: 16, whiteSpace: "nowrap", overflow: "hidden", textOverflow: "ellipsis" }}>
              {ofShell("brand")}
            </strong>
          </Flex>
          <Flex align="center" gap={4} style={{ flex: "none", lineHeight: "normal" }}>
            <AppearanceMenu />
            <Link to="/overview">{t("toConsole")}</Link>
          </Flex>
        </Flex>
      </Layout.Header>
      <Layout.Content
        role="main"
        style={{ padding: "24px 12px 48px", maxWidth: 1040, width: "100%", marginInline: "auto", boxSizing: "border-box" }}
      >
        <Page title={t("title")} about={t("about")}>
          {children}
        </Page>
      </Layout.Content>
    </Layout>
  );
}
