import {
  ApartmentOutlined,
  ApiOutlined,
  AppstoreOutlined,
  AreaChartOutlined,
  AuditOutlined,
  CodeOutlined,
  DashboardOutlined,
  DeploymentUnitOutlined,
  ExperimentOutlined,
  HistoryOutlined,
  MenuOutlined,
  NotificationOutlined,
  ScheduleOutlined,
  SettingOutlined,
  TeamOutlined,
  UnorderedListOutlined,
  UserSwitchOutlined,
} from "@ant-design/icons";
import { Button, Drawer, Flex, Grid, Layout, Menu, type MenuProps } from "antd";
import { type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, Outlet, ScrollRestoration, useLocation, useNavigate } from "react-router";
import { AccountMenu, AppearanceMenu } from "./menus";
import { usePermissions } from "./session";

type Section = "work" | "run" | "connect" | "manage";

interface Entry {
  path: string;
  icon: ReactNode;
  section: Section | null;
  /** Whether administrators alone may open it. */
  isForAdmins?: boolean;
}

const ENTRIES = [
  { path: "overview", icon: <DashboardOutlined />, section: null },
  { path: "try", icon: <ExperimentOutlined />, section: null },
  { path: "libraries", icon: <TeamOutlined />, section: "work" },
  { path: "recognitions", icon: <HistoryOutlined />, section: "work" },
  { path: "friends", icon: <ApartmentOutlined />, section: "work" },
  { path: "statistics", icon: <AreaChartOutlined />, section: "run" },
  { path: "calls", icon: <UnorderedListOutlined />, section: "run" },
  { path: "jobs", icon: <ScheduleOutlined />, section: "run" },
  { path: "engines", icon: <DeploymentUnitOutlined />, section: "run", isForAdmins: true },
  { path: "apps", icon: <AppstoreOutlined />, section: "connect", isForAdmins: true },
  { path: "webhooks", icon: <NotificationOutlined />, section: "connect" },
  { path: "api", icon: <ApiOutlined />, section: "connect" },
  { path: "operators", icon: <UserSwitchOutlined />, section: "manage", isForAdmins: true },
  { path: "audit", icon: <AuditOutlined />, section: "manage", isForAdmins: true },
  { path: "settings", icon: <SettingOutlined />, section: "manage", isForAdmins: true },
  { path: "models", icon: <CodeOutlined />, section: "manage" },
] as const satisfies Entry[];

const SECTIONS: Section[] = ["work", "run", "connect", "manage"];
const SIDE_WIDTH = 216;

/** The frame of all pages: navigation at the side, or in a drawer on a small screen. */
export function Shell() {
  const { t } = useTranslation("shell");
  const { isAdmin } = usePermissions();
  const isWide = Grid.useBreakpoint().lg ?? true;
  const [isOpen, setIsOpen] = useState(false);
  const { pathname } = useLocation();
  const navigate = useNavigate();
  useEffect(() => setIsOpen(false), [pathname]);

  const shown = ENTRIES.filter((entry) => isAdmin || !("isForAdmins" in entry));
  const itemOf = ({ path, icon }: (typeof ENTRIES)[number]) => ({
    key: path,
    icon,
    label: <Link to={`/${path}`}>{t(`menu.${path}`)}</Link>,
  });
  const items: MenuProps["items"] = [
    ...shown.filter(({ section }) => section === null).map(itemOf),
    ...SECTIONS.map((section) => ({
      type: "group" as const,
      key: section,
      label: t(`section.${section}`),
      children: shown.filter((entry) => entry.section === section).map(itemOf),
    })),
  ];
  const menu = (
    <nav aria-label={t("navigation")}>
      <Menu
        mode="inline"
        selectedKeys={[pathname.split("/")[1] ?? ""]}
        items={items}
        // A key reaches the entry, not the link in it.
        onClick={({ key, domEvent }) => domEvent.type === "keydown" && void navigate(`/${key}`)}
        style={{ borderInlineEnd: 0 }}
      />
    </nav>
  );
  return (
    <Layout style={{ minHeight: "100vh" }}>
      <a className="skip-link" href="#content" onClick={focusContent}>
        {t("skip")}
      </a>
      {isWide ? (
        <Layout.Sider
          width={SIDE_WIDTH}
          style={{ position: "sticky", top: 0, height: "100vh", overflow: "auto", scrollbarWidth: "thin" }}
        >
          <Brand />
          {menu}
        </Layout.Sider>
      ) : (
        <Drawer open={isOpen} onClose={() => setIsOpen(false)} placement="left" size={260} title="AICP">
          {menu}
        </Drawer>
      )}
      <Layout>
        <Layout.Header style={{ padding: "0 16px", position: "sticky", top: 0, zIndex: 10 }}>
          <Flex align="center" justify="space-between" style={{ height: "100%" }}>
            {isWide ? (
              <span />
            ) : (
              <Flex align="center">
                <Button type="text" icon={<MenuOutlined />} aria-label={t("openMenu")} onClick={() => setIsOpen(true)} />
                <Brand />
              </Flex>
            )}
            <Flex gap={4} align="center">
              <AppearanceMenu />
              <AccountMenu />
            </Flex>
          </Flex>
        </Layout.Header>
        <Layout.Content
          id="content"
          tabIndex={-1}
          role="main"
          style={{ padding: isWide ? 24 : 12, maxWidth: 1680, width: "100%", marginInline: "auto", outline: "none" }}
        >
          <Outlet />
        </Layout.Content>
      </Layout>
      <ScrollRestoration />
    </Layout>
  );
}

// The address after `#` is the page, so that the link can't name a place of the page.
function focusContent(event: { preventDefault: () => void }) {
  event.preventDefault();
  document.getElementById("content")?.focus();
}

function Brand() {
  const { t } = useTranslation("shell");
  return (
    <Flex align="center" gap={10} style={{ height: 56, paddingInline: 20 }}>
      <img src="/icon.svg" alt="" width={28} height={28} />
      <strong style={{ fontSize: 16, whiteSpace: "nowrap" }}>{t("brand")}</strong>
    </Flex>
  );
}
