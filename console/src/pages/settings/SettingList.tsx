import { ConfigProvider, Flex, Grid, Input, Menu, Segmented, Select, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { queries } from "../../api/client";
import { useAddress } from "../../common/address";
import { Loaded, Nothing } from "../../common/states";
import { SettingRow } from "./SettingRow";
import { isChangeable, type Setting } from "./settingKinds";
import { descriptionOf, GENERAL, sectionOf, sectionText } from "./settingTexts";

const SHOWN = ["all", "different", "changeable", "stored"] as const;
type Shown = (typeof SHOWN)[number];

const ADMITS: Record<Shown, (setting: Setting) => boolean> = {
  all: () => true,
  different: ({ source }) => source !== "default",
  changeable: isChangeable,
  stored: ({ stored }) => Boolean(stored),
};

/** There are more sections than fit at the usual height. */
const DENSE_MENU = { itemHeight: 32, itemMarginBlock: 2 };

/** The settings in force: a section at a time, or all that a search finds. */
export function SettingList({ onOpen }: { onOpen: (name: string) => void }) {
  const { t } = useTranslation("settings");
  const settings = queries.useQuery("get", "/settings");
  const isWide = Grid.useBreakpoint().lg ?? true;
  const [get, change] = useAddress();
  const [text, setText] = useState("");
  const search = text.trim();
  const shown = SHOWN.find((name) => name === get("shown")) ?? "all";

  return (
    <Loaded query={settings}>
      {({ items }) => {
        const admitted = items.filter((setting) => ADMITS[shown](setting) && matches(setting, search));
        const sections = [...new Set(admitted.map(({ name }) => sectionOf(name)))];
        const wanted = get("section") || GENERAL;
        // A search and a narrow choice show what they find wherever it is.
        const isWhole = search !== "" || shown === "different" || shown === "stored";
        const section = sections.includes(wanted) ? wanted : sections[0];
        const listed = isWhole ? sections : sections.filter((name) => name === section);
        const choices = sections.map((name) => ({
          name,
          label: `${sectionText(name)} (${admitted.filter((setting) => sectionOf(setting.name) === name).length})`,
        }));
        return (
          <Flex vertical gap={16}>
            <Flex gap={12} wrap>
              <Input.Search
                allowClear
                aria-label={t("search")}
                placeholder={t("search")}
                value={text}
                onChange={({ target }) => setText(target.value)}
                style={{ flex: "1 1 240px", maxWidth: 420 }}
              />
              {isWide ? (
                <Segmented<Shown>
                  aria-label={t("shownLabel")}
                  value={shown}
                  onChange={(next) => change({ shown: next })}
                  options={SHOWN.map((value) => ({ value, label: t(`shown.${value}`) }))}
                />
              ) : (
                <Select<Shown>
                  aria-label={t("shownLabel")}
                  value={shown}
                  onChange={(next) => change({ shown: next })}
                  options={SHOWN.map((value) => ({ value, label: t(`shown.${value}`) }))}
                  style={{ flex: "1 1 160px" }}
                />
              )}
            </Flex>
            {admitted.length === 0 && <Nothing text={t("nothingFound")} />}
            <Flex gap={16} vertical={!isWide} align={isWide ? "start" : "stretch"}>
              {!isWhole &&
                admitted.length > 0 &&
                (isWide ? (
                  <nav aria-label={t("sectionsLabel")} style={{ flex: "none", width: 224 }}>
                    <ConfigProvider theme={{ components: { Menu: DENSE_MENU } }}>
                      <Menu
                        selectedKeys={section ? [section] : []}
                        onClick={({ key }) => change({ section: key })}
                        items={choices.map(({ name, label }) => ({ key: name, label }))}
                        style={{ borderInlineEnd: 0 }}
                      />
                    </ConfigProvider>
                  </nav>
                ) : (
                  <Select
                    aria-label={t("sectionsLabel")}
                    value={section}
                    onChange={(next) => change({ section: next })}
                    options={choices.map(({ name, label }) => ({ value: name, label }))}
                  />
                ))}
              <Flex vertical gap={24} style={{ flex: 1, minWidth: 0 }}>
                {listed.map((name) => (
                  <section key={name} aria-labelledby={`section-${name}`}>
                    <Typography.Title level={2} id={`section-${name}`} style={{ fontSize: 16, margin: "0 0 8px" }}>
                      {sectionText(name)}
                    </Typography.Title>
                    {admitted
                      .filter((setting) => sectionOf(setting.name) === name)
                      .map((setting) => (
                        <SettingRow key={setting.name} setting={setting} onOpen={() => onOpen(setting.name)} />
                      ))}
                  </section>
                ))}
              </Flex>
            </Flex>
          </Flex>
        );
      }}
    </Loaded>
  );
}

function matches(setting: Setting, search: string): boolean {
  const text = `${setting.name} ${descriptionOf(setting)} ${setting.description} ${sectionText(sectionOf(setting.name))}`.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
