import type { Locale } from "antd/es/locale";
import dayjs from "dayjs";
import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import type { Texts } from "../locales/zh";

export const LANGUAGES = ["zh", "en"] as const;
export type Language = (typeof LANGUAGES)[number];

const STORED = "aicp.language";

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "common";
    resources: Texts;
  }
}

const locales = new Map<Language, Locale>();

async function load(language: Language) {
  if (locales.has(language)) return;
  const [texts, locale] =
    language === "zh"
      ? await Promise.all([
          import("../locales/zh"),
          import("antd/es/locale/zh_CN"),
          import("dayjs/locale/zh-cn"),
        ])
      : await Promise.all([import("../locales/en"), import("antd/es/locale/en_US")]);
  for (const [namespace, own] of Object.entries(texts.default)) {
    i18next.addResourceBundle(language, namespace, own);
  }
  locales.set(language, locale.default);
}

function preferred(): Language {
  const stored = localStorage.getItem(STORED);
  const known = LANGUAGES.find((language) => language === stored);
  return known ?? (navigator.languages.some((name) => name.startsWith("zh")) || navigator.languages.length === 0 ? "zh" : "en");
}

/** Loads the texts of the language that was chosen last, or of the browser. */
export async function startLanguage() {
  await i18next.use(initReactI18next).init({
    lng: "none",
    fallbackLng: false,
    resources: {},
    defaultNS: "common",
    interpolation: { escapeValue: false },
  });
  await changeLanguage(preferred());
}

export async function changeLanguage(language: Language) {
  await load(language);
  localStorage.setItem(STORED, language);
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  dayjs.locale(language === "zh" ? "zh-cn" : "en");
  await i18next.changeLanguage(language);
}

export function currentLanguage(): Language {
  return i18next.language === "en" ? "en" : "zh";
}

/** Returns the texts of Ant Design's own parts. */
export function localeOf(language: Language): Locale | undefined {
  return locales.get(language);
}
