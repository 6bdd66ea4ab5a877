import { CheckCircleFilled, MinusCircleOutlined } from "@ant-design/icons";
import { Button, Checkbox, Flex, theme, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { queries, type Schema } from "../../api/client";
import { StateTag } from "../../common/StateTag";
import { Loaded } from "../../common/states";

type Capability = Schema<"Page_ShownCapability">["items"][number];

/** The areas of the platform that a grant can open, as the server names them. */
const AREAS = [
  "libraries",
  "people",
  "recognition",
  "compare",
  "quality",
  "detect",
  "groups",
  "faces",
  "statistics",
  "social",
  "templates",
] as const;

/** Reads which capabilities there are, by the settings. */
export function useCapabilities() {
  return queries.useQuery("get", "/capabilities");
}

/** Returns the areas that some capabilities open together, each once, in the order of the platform. */
export function areasOf(ids: string[], known: Capability[]): string[] {
  const open = new Set(known.filter(({ id }) => ids.includes(id)).flatMap(({ areas }) => areas));
  const named = AREAS.filter((area) => open.has(area));
  return [...named, ...[...open].filter((area) => !AREAS.some((known) => known === area))];
}

/** Returns what an area is called, and what it allows. */
export function useAreaText() {
  const { t } = useTranslation("apps");
  return (area: string): { name: string; about: string } => {
    const known = AREAS.find((name) => name === area);
    return known ? { name: t(`areas.${known}.name`), about: t(`areas.${known}.about`) } : { name: area, about: "" };
  };
}

interface Properties {
  value?: string[];
  onChange?: (ids: string[]) => void;
  isDisabled?: boolean;
}

/** Chooses capabilities, and shows which areas they open together. */
export function CapabilityChoice({ value = [], onChange, isDisabled = false }: Properties) {
  const { t } = useTranslation("apps");
  const { token } = theme.useToken();
  const capabilities = useCapabilities();
  const areaText = useAreaText();
  const toggle = (id: string, isOn: boolean) => onChange?.(isOn ? [...value, id] : value.filter((other) => other !== id));
  return (
    <Loaded query={capabilities}>
      {({ items }) => {
        const known = new Set(items.map(({ id }) => id));
        const lost = value.filter((id) => !known.has(id));
        return (
          <Flex vertical gap={12} role="group" aria-label={t("grant.capabilities")}>
            <Flex gap={8}>
              <Button size="small" disabled={isDisabled} onClick={() => onChange?.(items.map(({ id }) => id))}>
                {t("grant.choose.all")}
              </Button>
              <Button size="small" disabled={isDisabled} onClick={() => onChange?.([])}>
                {t("grant.choose.none")}
              </Button>
            </Flex>
            <div style={{ display: "grid", gap: 12, gridTemplateColumns: "repeat(auto-fill, minmax(min(100%, 300px), 1fr))" }}>
              {items.map(({ id, areas }) => (
                <Checkbox
                  key={id}
                  checked={value.includes(id)}
                  disabled={isDisabled}
                  onChange={({ target }) => toggle(id, target.checked)}
                  styles={{ icon: { alignSelf: "start", marginTop: 3 } }}
                >
                  <Typography.Text strong>{areas.map((area) => areaText(area).name).join(t("and"))}</Typography.Text>{" "}
                  <Typography.Text type="secondary" className="number">
                    {id}
                  </Typography.Text>
                  {areas.map((area) => (
                    <div key={area} style={{ color: token.colorTextDescription }}>
                      {areas.length > 1 ? t("grant.choose.area", areaText(area)) : areaText(area).about}
                    </div>
                  ))}
                </Checkbox>
              ))}
            </div>
            {lost.length > 0 && (
              <Typography.Text type="warning">{t("grant.choose.lost", { ids: lost.join(t("and")) })}</Typography.Text>
            )}
            <Opened ids={value} known={items} />
          </Flex>
        );
      }}
    </Loaded>
  );
}

/** The areas that are open and those that are not. */
function Opened({ ids, known }: { ids: string[]; known: Capability[] }) {
  const { t } = useTranslation("apps");
  const areaText = useAreaText();
  const open = areasOf(ids, known);
  const all = areasOf(
    known.map(({ id }) => id),
    known,
  );
  const closed = all.filter((area) => !open.includes(area));
  const row = (areas: string[], isOpen: boolean) =>
    areas.map((area) => (
      <StateTag
        key={area}
        tone={isOpen ? "good" : "neutral"}
        icon={isOpen ? <CheckCircleFilled /> : <MinusCircleOutlined />}
        style={{ marginInlineEnd: 0 }}
      >
        {areaText(area).name}
      </StateTag>
    ));
  return (
    <div aria-live="polite">
      <div>{open.length > 0 ? t("grant.choose.open") : t("grant.choose.nothing")}</div>
      <Flex gap={4} wrap style={{ marginBlock: 4 }}>
        {row(open, true)}
      </Flex>
      {closed.length > 0 && (
        <>
          <div>{t("grant.choose.closed")}</div>
          <Flex gap={4} wrap style={{ marginBlockStart: 4 }}>
            {row(closed, false)}
          </Flex>
        </>
      )}
    </div>
  );
}
