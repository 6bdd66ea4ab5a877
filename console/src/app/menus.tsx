import { BgColorsOutlined, DownOutlined, GlobalOutlined, UserOutlined } from "@ant-design/icons";
import { App, Button, Dropdown, Grid } from "antd";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { describe } from "../common/states";
import { changeLanguage, currentLanguage, LANGUAGES, type Language } from "./language";
import { useSessions } from "./session";
import { THEMES, type ThemeChoice, useThemeChoice } from "./theme";

const LANGUAGE_NAMES: Record<Language, string> = { zh: "简体中文", en: "English" };

/** Chooses language and theme. */
export function AppearanceMenu() {
  const { t } = useTranslation("shell");
  const { choice, choose } = useThemeChoice();
  return (
    <>
      <Dropdown
        trigger={["click"]}
        autoFocus
        menu={{
          selectable: true,
          selectedKeys: [currentLanguage()],
          items: LANGUAGES.map((key) => ({ key, label: <span lang={key}>{LANGUAGE_NAMES[key]}</span> })),
          onClick: ({ key }) => void changeLanguage(key as Language),
        }}
      >
        <Button type="text" icon={<GlobalOutlined />} aria-label={t("language")} />
      </Dropdown>
      <Dropdown
        trigger={["click"]}
        autoFocus
        menu={{
          selectable: true,
          selectedKeys: [choice],
          items: THEMES.map((key) => ({ key, label: t(`theme.${key}`) })),
          onClick: ({ key }) => choose(key as ThemeChoice),
        }}
      >
        <Button type="text" icon={<BgColorsOutlined />} aria-label={t("theme.title")} />
      </Dropdown>
    </>
  );
}

/** Who is signed in; own account and sign-out. */
export function AccountMenu() {
  const { t } = useTranslation("shell");
  const { session, signOut } = useSessions();
  const { message } = App.useApp();
  const navigate = useNavigate();
  const isWide = Grid.useBreakpoint().sm ?? true;
  if (!session) return null;
  const role = session.role ? t(`role.${session.role}`) : null;
  const name = session.operatorId ? session.caller.replace(/^operator:/, "") : t("adminToken");
  const act = async (key: string) => {
    if (key === "account") return navigate("/account");
    try {
      await signOut();
    } catch (error) {
      message.error(describe(error).title);
    }
  };
  return (
    <Dropdown
      trigger={["click"]}
        autoFocus
      menu={{
        items: [
          { key: "account", label: t("menu.account") },
          { type: "divider" },
          { key: "signOut", label: t("signOut") },
        ],
        onClick: ({ key }) => void act(key),
      }}
    >
      <Button type="text" icon={<UserOutlined />} aria-label={t("accountOf", { name: role ? `${name} · ${role}` : name })}>
        {isWide && (
          <>
            {name}
            {role && ` · ${role}`}
            <DownOutlined style={{ fontSize: 10, marginInlineStart: 6 }} />
          </>
        )}
      </Button>
    </Dropdown>
  );
}
