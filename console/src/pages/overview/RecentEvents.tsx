import {
  ApiOutlined,
  DeleteOutlined,
  DeploymentUnitOutlined,
  ScanOutlined,
  ScheduleOutlined,
  UserAddOutlined,
  UserDeleteOutlined,
} from "@ant-design/icons";
import { Checkbox, Flex, Typography } from "antd";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { LibraryLink } from "../../common/LibraryLink";
import { PersonLink } from "../../common/names";
import { countText } from "../../common/numbers";
import { Section } from "../../common/Section";
import { Loaded, Nothing } from "../../common/states";
import { Moment } from "../../common/time";
import { STATES } from "../jobs/jobs";
import { type Event, useLatestEvents } from "./events";

const ICONS: Record<Event["kind"], ReactNode> = {
  faceEnrolled: <UserAddOutlined />,
  facesRemoved: <UserDeleteOutlined />,
  personRemoved: <UserDeleteOutlined />,
  libraryRemoved: <DeleteOutlined />,
  recognition: <ScanOutlined />,
  engineHealth: <DeploymentUnitOutlined />,
  job: <ScheduleOutlined />,
  test: <ApiOutlined />,
};

/** What happened lately. */
export function RecentEvents() {
  const { t } = useTranslation("overview");
  const [isWithout, setIsWithout] = useState(false);
  const query = useLatestEvents(isWithout);
  return (
    <Section
      title={t("event.title")}
      extra={
        <Checkbox checked={isWithout} onChange={({ target }) => setIsWithout(target.checked)}>
          {t("event.withoutRecognitions")}
        </Checkbox>
      }
    >
      <Loaded query={query}>
        {(events) =>
          events === null || events.length === 0 ? (
            <Nothing text={t(events === null ? "event.notGranted" : "event.nothing")} />
          ) : (
            <Flex vertical gap={10} component="ul" style={{ listStyle: "none", margin: 0, padding: 0 }}>
              {events.map((event) => (
                <Flex component="li" key={event.id} gap={10} align="start">
                  <span aria-hidden>{ICONS[event.kind]}</span>
                  <span style={{ flex: 1, minWidth: 0, overflowWrap: "anywhere" }}>
                    <EventText event={event} />
                  </span>
                  <Typography.Text type="secondary" style={{ fontSize: 12, whiteSpace: "nowrap" }}>
                    <Moment at={event.time} ago />
                  </Typography.Text>
                </Flex>
              ))}
            </Flex>
          )
        }
      </Loaded>
    </Section>
  );
}

function EventText({ event: { kind, data, libraryId } }: { event: Event }) {
  const { t } = useTranslation("overview");
  const place = libraryId ? (
    <>
      {" · "}
      <LibraryLink id={libraryId} />
    </>
  ) : null;
  if (kind === "recognition") {
    const faces = data.faces ?? [];
    const known = faces.filter(({ matches }) => matches.length > 0);
    const best = known[0]?.matches[0];
    const unknown = faces.length - known.length;
    return (
      <>
        {t("event.recognition", { faces: countText(faces.length) })}
        {best && libraryId && (
          <>
            {t("event.found")} <PersonLink library={libraryId} person={best.personId} name={best.name} />
            {known.length > 1 && ` ${t("event.andMore", { others: known.length - 1 })}`}
          </>
        )}
        {unknown > 0 && t("event.unknown", { unknown })}
        {place}
      </>
    );
  }
  if (kind === "job") {
    const state = STATES.find((known) => known === data.state);
    return (
      <>
        <Link to={`/jobs/${data.jobId ?? ""}`}>{t("event.job", { id: data.jobId ?? "" })}</Link>{" "}
        {state ? t(`event.jobState.${state}`) : data.state}
        {place}
      </>
    );
  }
  if (kind === "engineHealth") return <>{t(data.isUp ? "event.engineUp" : "event.engineDown", { name: data.engine ?? "" })}</>;
  return (
    <>
      {t(`event.${kind}`)}
      {kind !== "personRemoved" && data.personId && libraryId && (
        <>
          {t("event.colon")}
          <PersonLink library={libraryId} person={data.personId} />
        </>
      )}
      {kind === "libraryRemoved" ? ` #${libraryId ?? ""}` : place}
    </>
  );
}
