import { theme, type ThemeConfig } from "antd";
import { createContext, type ReactNode, useContext, useMemo, useSyncExternalStore, useState } from "react";

export const THEMES = ["system", "light", "dark"] as const;
export type ThemeChoice = (typeof THEMES)[number];

const STORED = "aicp.theme";
const darkSystem = window.matchMedia("(prefers-color-scheme: dark)");

interface Chosen {
  choice: ThemeChoice;
  isDark: boolean;
  choose: (choice: ThemeChoice) => void;
}

const Context = createContext<Chosen>({ choice: "system", isDark: false, choose: () => {} });

function subscribe(listener: () => void) {
  darkSystem.addEventListener("change", listener);
  return () => darkSystem.removeEventListener("change", listener);
}

/** Keeps which theme was chosen. */
export function ThemeChoiceProvider({ children }: { children: ReactNode }) {
  const [choice, setChoice] = useState<ThemeChoice>(
    () => THEMES.find((name) => name === localStorage.getItem(STORED)) ?? "system",
  );
  const isSystemDark = useSyncExternalStore(subscribe, () => darkSystem.matches);
  const isDark = choice === "dark" || (choice === "system" && isSystemDark);
  const chosen = useMemo(() => {
    const choose = (next: ThemeChoice) => {
      localStorage.setItem(STORED, next);
      setChoice(next);
    };
    return { choice, isDark, choose };
  }, [choice, isDark]);
  return <Context value={chosen}>{children}</Context>;
}

export function useThemeChoice(): Chosen {
  return useContext(Context);
}

type Derive = NonNullable<Exclude<ThemeConfig["algorithm"], unknown[]>>;

/** Backgrounds and texts of a colour, where Ant Design's own are too close to each other to be read. */
const LIGHT: Partial<ReturnType<Derive>> = {
  colorPrimaryBg: "#e3f1f2",
  colorPrimaryBgHover: "#d3e8ea",
  colorPrimaryBorder: "#9ccdd1",
  colorInfoBg: "#e8f3f4",
  colorInfoBorder: "#a9d2d6",
  colorSuccessBg: "#e8f5ed",
  colorSuccessBorder: "#a5d6b7",
  colorWarningBg: "#fdf4e3",
  colorWarningBorder: "#e8c98f",
  colorErrorBg: "#fdecec",
  colorErrorBorder: "#f0b3b1",
};
const DARK: Partial<ReturnType<Derive>> = {
  colorPrimary: "#4cc3c9",
  colorPrimaryHover: "#6fd3d8",
  colorPrimaryActive: "#37acb2",
  colorPrimaryText: "#4cc3c9",
  colorPrimaryTextHover: "#6fd3d8",
  colorPrimaryBg: "#16373a",
  colorPrimaryBgHover: "#1c464a",
  colorPrimaryBorder: "#2a6f74",
  colorInfo: "#4cc3c9",
  colorInfoBg: "#14292c",
  colorInfoBorder: "#2a6f74",
  colorSuccess: "#52c787",
  colorSuccessText: "#52c787",
  colorSuccessBg: "#14291d",
  colorSuccessBorder: "#2b6b46",
  colorWarning: "#e8b050",
  colorWarningText: "#e8b050",
  colorWarningBg: "#2e2410",
  colorWarningBorder: "#755a22",
  colorError: "#ff8083",
  colorErrorText: "#ff8083",
  colorErrorHover: "#ff9c9e",
  colorErrorActive: "#ee6a6d",
  colorErrorBg: "#331a1b",
  colorErrorBorder: "#83393b",
};

/** Colours and sizes of Ant Design's parts. Contrasts of texts are at least 4.5 : 1. */
export function themeOf(isDark: boolean): ThemeConfig {
  const own = isDark ? DARK : LIGHT;
  return {
    algorithm: [isDark ? theme.darkAlgorithm : theme.defaultAlgorithm, (_, derived) => ({ ...(derived as ReturnType<Derive>), ...own })],
    token: {
      colorPrimary: isDark ? "#4cc3c9" : "#0b6b74",
      colorInfo: isDark ? "#4cc3c9" : "#0b6b74",
      colorSuccess: isDark ? "#52c787" : "#1f7a45",
      colorWarning: isDark ? "#e8b050" : "#8f5b00",
      colorError: isDark ? "#ff8083" : "#c4302b",
      colorLink: isDark ? "#5cc0c4" : "#0b6b74",
      colorTextDescription: isDark ? "rgba(255,255,255,0.68)" : "rgba(0,0,0,0.62)",
      colorTextTertiary: isDark ? "rgba(255,255,255,0.65)" : "rgba(0,0,0,0.62)",
      colorTextPlaceholder: isDark ? "rgba(255,255,255,0.6)" : "rgba(0,0,0,0.6)",
      colorBgLayout: isDark ? "#0f1416" : "#f3f5f6",
      colorBgContainer: isDark ? "#182022" : "#ffffff",
      colorBgElevated: isDark ? "#1f292b" : "#ffffff",
      borderRadius: 6,
      fontFamily:
        '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "WenQuanYi Micro Hei", sans-serif',
    },
    components: {
      Layout: { siderBg: isDark ? "#121a1c" : "#ffffff", headerBg: isDark ? "#121a1c" : "#ffffff", headerHeight: 56 },
      // Bright buttons have dark texts.
      ...(isDark && { Button: { primaryColor: "#0b1517", dangerColor: "#0b1517" } }),
      // All entries fit a window of 800 px.
      Menu: { itemBg: "transparent", subMenuItemBg: "transparent", itemHeight: 34, itemMarginBlock: 1, groupTitleFontSize: 12 },
    },
  };
}
