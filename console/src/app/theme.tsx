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

/** Colours and sizes of Ant Design's parts. Contrasts of texts are at least 4.5 : 1. */
export function themeOf(isDark: boolean): ThemeConfig {
  return {
    algorithm: isDark ? theme.darkAlgorithm : theme.defaultAlgorithm,
    token: {
      colorPrimary: isDark ? "#2f9aa0" : "#0b6b74",
      colorInfo: isDark ? "#2f9aa0" : "#0b6b74",
      colorSuccess: isDark ? "#3fa66a" : "#1f7a45",
      colorWarning: isDark ? "#d9a03a" : "#9a6200",
      colorError: isDark ? "#e5686b" : "#c4302b",
      colorLink: isDark ? "#5cc0c4" : "#0b6b74",
      colorTextDescription: isDark ? "rgba(255,255,255,0.68)" : "rgba(0,0,0,0.62)",
      colorTextTertiary: isDark ? "rgba(255,255,255,0.65)" : "rgba(0,0,0,0.62)",
      colorTextPlaceholder: isDark ? "rgba(255,255,255,0.58)" : "rgba(0,0,0,0.58)",
      colorBgLayout: isDark ? "#0f1416" : "#f3f5f6",
      colorBgContainer: isDark ? "#182022" : "#ffffff",
      colorBgElevated: isDark ? "#1f292b" : "#ffffff",
      borderRadius: 6,
      fontFamily:
        '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "WenQuanYi Micro Hei", sans-serif',
    },
    components: {
      Layout: { siderBg: isDark ? "#121a1c" : "#ffffff", headerBg: isDark ? "#121a1c" : "#ffffff", headerHeight: 56 },
      Menu: { itemBg: "transparent", subMenuItemBg: "transparent" },
    },
  };
}
